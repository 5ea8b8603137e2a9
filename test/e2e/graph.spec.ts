import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite, suiteSetup, suiteTeardown, teardown, test } from "mocha";
import type { FrameLocator, Page } from "playwright-core";
import { openWorkbench, screenshot, type Workbench, webviewFrame } from "../harness/workbench.ts";
import { chooseFromContextMenu, chooseTheme, clearNotifications, openFile, runCommand, until } from "./actions.ts";
import { copyImages, removeWorkspace } from "./workspace.ts";

const shared = resolve("../shared");

/** What is looked for in each network: a stage, and how many layers there are. */
const networks = [
  { file: "resnet20.onnx", from: "cifar10_resnet20.onnx", stage: "stage1", layers: 20 },
  { file: "mobilenet.onnx", from: "mobilenet_v2_100_224_dequant.onnx", stage: "stage2", layers: 53 },
  { file: "yolox.onnx", from: "yolox_nano.onnx", stage: "stage3", layers: undefined },
];

const config = (model: string) => `{
  // Bits are edited in the graph.
  "model": "${model}",
  "input": { "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] },
  "calibration": { "images": "calibration", "count": 32 },
  "runs": {
    "w4": { "weights": 4, "steps": 20 },
    "w2": { "weights": 2, "steps": 20, "layers": { "conv1": { "weights": 6 } } } // the smallest
  }
}
`;

suite("the graph", () => {
  let workspace: string;
  let workbench: Workbench;
  let page: Page;
  let view: FrameLocator;
  const refused: string[] = [];

  suiteSetup(async function () {
    if (!existsSync(shared)) {
      console.log("    ../shared is not there: the graph of real networks is not tested");
      this.skip();
    }
    workspace = mkdtempSync(join(tmpdir(), "brecq-graph-"));
    for (const { file, from } of networks) {
      cpSync(join(shared, "models", from), join(workspace, file));
      writeFileSync(join(workspace, file.replace(".onnx", ".brecq.json")), config(file));
    }
    copyImages(join(shared, "data/cifar10/calibration"), join(workspace, "calibration"), 32);
    writeFileSync(join(workspace, "broken.onnx"), "broken: this is a text and no network");
    workbench = await openWorkbench({ workspace, vsix: process.env.BRECQ_VSIX!, settings: { "brecq.threads": 1 } });
    page = workbench.page;
    view = webviewFrame(page);
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text()) && /dist\/webview|vscode-cdn|webview-panel/.test(message.location().url))
        refused.push(message.text());
    });
  });
  suiteTeardown(async () => {
    await workbench?.close();
    if (workspace) removeWorkspace(workspace);
  });
  teardown(async function () {
    if (this.currentTest?.state === "failed") await screenshot(page, `failure-graph-${this.currentTest.title.replaceAll(/\W+/g, "-").slice(0, 60)}`);
  });

  const openGraph = async (file: string) => {
    await runCommand(page, "File: Focus on Files Explorer");
    await chooseFromContextMenu(page, file, "Open Graph");
    await page.locator(".tab.active", { hasText: file }).waitFor();
    await view.locator(".card").first().waitFor({ timeout: 60_000 });
  };
  /** The table may be there already. */
  const showTable = async () => {
    const table = view.getByRole("button", { name: "Table", exact: true });
    if ((await table.getAttribute("aria-pressed")) !== "true") await table.click();
    const grid = view.getByRole("grid", { name: "Layers" });
    await grid.waitFor();
    return grid;
  };
  const closeAll = () => runCommand(page, "View: Close All Editors");
  const textOf = (name: string) => readFileSync(join(workbench.workspace, name), "utf8");

  for (const { file, stage, layers } of networks) {
    test(`${file}: stages, blocks and operators, found and traced`, async () => {
      await openGraph(file);
      await screenshot(page, `graph-${file}-stages`);
      await view.getByRole("button", { name: `Open ${stage}`, exact: true }).click();
      await view.getByRole("button", { name: `Close ${stage}`, exact: true }).waitFor();
      await view.getByRole("button", { name: "Operators", exact: true }).click();
      await view.locator(".card", { hasText: /^Conv/ }).first().waitFor();
      await screenshot(page, `graph-${file}-operators`);
      await view.getByRole("combobox", { name: /Find by name/ }).fill("conv");
      await view.getByRole("option").first().waitFor();
      await page.keyboard.press("Enter");
      await view.getByRole("button", { name: "Downstream", exact: true }).click();
      await until(async () => (await view.locator(".faint").count()) > 0, "a trace");
      const rows = await showTable();
      const count = Number(await rows.getAttribute("aria-rowcount")) - 1;
      if (layers === undefined) assert.ok(count > 50, `${count} layers`);
      else assert.equal(count, layers);
      await closeAll();
    });
  }

  test("bits are edited in the table, written into the config and shown; undo takes them back", async () => {
    await openFile(page, "resnet20.brecq.json");
    await runCommand(page, "BRECQ: Show Graph");
    await view.locator(".card").first().waitFor({ timeout: 60_000 });
    await view.locator("#run").selectOption("w2");
    await showTable();
    await view.getByLabel("Filter layers").fill("layer1.0.conv1");
    await view
      .getByRole("row", { name: /layer1\.0\.conv1/ })
      .locator(".chip")
      .first()
      .click();
    const menu = view.getByRole("dialog", { name: "Bits of weights" });
    await menu.getByRole("button", { name: "5", exact: true }).click();
    const inConfig = page.locator(".editor-instance .view-line", { hasText: '"layer1.0.conv1"' });
    await inConfig.first().waitFor();
    assert.match((await inConfig.first().textContent())!.replaceAll("\u00a0", " "), /"layer1\.0\.conv1": \{ "weights": 5 \}/);
    await screenshot(page, "graph-edited");
    await page.locator(".editor-instance .view-line", { hasText: "the smallest" }).click();
    await page.keyboard.press("Control+z");
    await inConfig.first().waitFor({ state: "detached" });
    assert.doesNotMatch(textOf("resnet20.brecq.json"), /layer1\.0\.conv1/);
    await until(
      async () =>
        (await view
          .getByRole("row", { name: /layer1\.0\.conv1/ })
          .locator(".chip")
          .first()
          .textContent()) === "2",
      "two bits again",
    );
  });

  test("sensitivities are measured in a process, fill the map, and the block's matrix shows its pairs", async () => {
    await view.getByRole("button", { name: "Compute sensitivity" }).click();
    const stop = view.getByRole("button", { name: "Stop measuring" });
    await stop.waitFor();
    // Layers come one by one; those of the first residual block are enough, so that the test need not wait for all.
    await view.getByText(/Predicted loss \S+ and \d+ unknown layers/).waitFor({ timeout: 120_000 });
    const file = join(workbench.workspace, "resnet20.results/sensitivity.json");
    await until(() => existsSync(file) && JSON.parse(readFileSync(file, "utf8")).pairs.length > 0, "the first pairs", 120);
    await stop.click();
    await view.getByRole("button", { name: "Compute sensitivity" }).waitFor();
    await view.locator("#colour").selectOption({ label: "Sensitivity at 2 bits" });
    await view.getByRole("region", { name: "Legend" }).waitFor();
    await screenshot(page, "graph-sensitivity");
    await view.getByRole("combobox", { name: /Find by name/ }).fill("layer1.0 residual");
    await view.getByRole("option").first().waitFor();
    await page.keyboard.press("Enter");
    await view.getByRole("button", { name: "Details", exact: true }).click();
    await view.locator(".matrix table").waitFor();
    await screenshot(page, "graph-matrix");
  });

  test("the layer that was clicked in the config's text is selected, and its details have its weights and their grid", async () => {
    for (const text of ['"model"', "the smallest"]) await page.locator(".editor-instance .view-line", { hasText: text }).click();
    await view.getByRole("heading", { name: "conv1", exact: true }).waitFor();
    await view.getByRole("img", { name: /Histogram of weights .* the grid has 64 values/ }).waitFor({ timeout: 60_000 });
  });

  test("two runs are compared side by side, in all themes", async () => {
    await view.locator("#other").selectOption("w4");
    await until(async () => (await view.locator(".pane").count()) === 2, "two panes");
    for (const theme of ["Light Modern", "Light High Contrast", "Dark High Contrast", "Dark Modern"]) {
      await chooseTheme(page, theme);
      await screenshot(page, `graph-compare-${theme.replaceAll(" ", "-")}`);
    }
    await view.locator("#other").selectOption("");
    await until(async () => (await view.locator(".pane").count()) === 1, "one pane");
  });

  test("the view is saved where the user says", async () => {
    for (const [format, begins] of [
      ["csv", /layer/i],
      ["svg", /<svg/],
      ["html", /<!doctype html>/i],
    ] as const) {
      await view.locator("#save").selectOption(format);
      const dialog = page.locator(".quick-input-widget", { hasText: "Save the view" });
      await dialog.waitFor();
      const path = dialog.locator("input").first();
      // The dialog fills in its own proposal after it has opened.
      await until(async () => (await path.inputValue()).endsWith(`.${format}`), "the proposed name");
      await path.fill(join(workbench.workspace, `view.${format}`));
      await page.keyboard.press("Enter");
      await until(() => existsSync(join(workbench.workspace, `view.${format}`)), `view.${format}`);
      assert.match(textOf(`view.${format}`).slice(0, 2000), begins);
    }
    assert.deepEqual(refused, []);
    await closeAll();
    await clearNotifications(page);
  });

  test("a broken file is told on its page", async () => {
    await runCommand(page, "File: Focus on Files Explorer");
    await chooseFromContextMenu(page, "broken.onnx", "Open Graph");
    await view
      .getByText(/is no(t an)? ONNX|ONNX/)
      .first()
      .waitFor({ timeout: 60_000 });
    await screenshot(page, "graph-broken");
  });
});
