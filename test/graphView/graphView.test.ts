/** @file What issue 5 asks of the graph view, in Chromium, on ResNet-20. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeHost, sensitivityOf } from "./fakeHost.ts";
import { drawShared, hasSharedModels } from "./networks.ts";
import { axeSource, chromiumPath, type GraphPage, openChromium, openPage } from "./page.ts";

const canRun = chromiumPath !== undefined && hasSharedModels;
if (!canRun) console.log("Skipped: the graph view needs Chromium (set CHROMIUM) and the models in ../shared.");

describe.skipIf(!canRun)("the graph view of ResNet-20 (needs Chromium and ../shared)", () => {
  let browser: Browser;
  let host: FakeHost;
  let view: GraphPage;
  let graph: FakeHost["graph"];

  beforeAll(async () => {
    graph = await drawShared("cifar10_resnet20.onnx");
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    await view?.close();
    host = new FakeHost(graph);
    view = await openPage(browser, (message) => void host.receive(message), { reducedMotion: true });
    host.post = (message) => view.post(message);
    await host.receive({ type: "ready" });
    await card("stage1").waitFor();
  });

  const card = (name: string, pane = 0) => view.page.locator(".pane").nth(pane).locator(".card", { hasText: name }).first();
  const button = (name: string) => view.page.getByRole("button", { name, exact: true });
  const cards = (kind: string) => view.page.locator(`.card.${kind}`);

  it("2: opens stages to blocks and blocks to operators, and closes them", async () => {
    expect(await cards("stage.closed").count()).toBe(graph.groups.filter(({ level }) => level === "stage").length);
    await view.page.getByRole("button", { name: "Open stage1" }).click();
    await card("layer1.0").waitFor();
    expect(await card("layer1.0").textContent()).toContain("residual");
    await view.page.getByRole("button", { name: "Open layer1.0" }).click();
    const layer = view.page.locator(".card.layer", { hasText: "layer1.0.conv1" });
    await layer.waitFor();
    expect(await layer.textContent()).toMatch(/Conv.*16×16×3×3 · 2\.32 k.*W 4.*A 8/);
    await view.page.getByRole("button", { name: "Close stage1" }).click();
    await layer.waitFor({ state: "detached" });
    expect(view.problems).toEqual([]);
  });

  it("2: draws only what is in sight", async () => {
    await button("Operators").click();
    await cards("layer").first().waitFor();
    expect(await view.page.locator(".card").count()).toBeLessThan(graph.operators.length);
  });

  it("2: zooms to fit, where a canvas shows the boxes and a click still finds them", async () => {
    await button("Operators").click();
    await cards("layer").first().waitFor();
    await button("Fit").click();
    await view.page.locator(".overview").waitFor();
    await expect.poll(() => view.page.locator(".card").count()).toBeLessThanOrEqual(1);
    const painted = `(() => {
      const canvas = document.querySelector(".overview canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((count, value, index) => count + (index % 4 === 3 && value > 0 ? 1 : 0), 0);
    })()`;
    expect(await view.page.evaluate(painted)).toBeGreaterThan(2000);
    const pane = (await view.page.locator(".pane").boundingBox())!;
    await view.page.mouse.click(pane.x + pane.width / 2, pane.y + pane.height / 2);
    await view.page.locator(".card.focused").waitFor({ state: "attached" });
    expect(view.problems).toEqual([]);
    for (let i = 0; i < 8; i++) await view.page.keyboard.press("Equal");
    await view.page.locator(".overview").waitFor({ state: "detached" });
    await expect.poll(() => view.page.locator(".card").count()).toBeGreaterThan(2);
  });

  it("2: animates only where motion is welcome", async () => {
    const duration = () => view.page.evaluate('getComputedStyle(document.querySelector(".react-flow__node")).transitionDuration');
    expect(await duration()).toBe("0s");
    await view.page.emulateMedia({ reducedMotion: "no-preference" });
    expect(await duration()).toContain("0.16s");
  });

  it("2: finds, goes to the output, traces", async () => {
    await view.page.keyboard.press("Control+f");
    await view.page.keyboard.type("layer3.2.conv2");
    await view.page.getByRole("option").first().waitFor();
    await view.page.keyboard.press("Enter");
    await view.page.locator(".card.focused.selected", { hasText: "layer3.2.conv2" }).waitFor();
    expect(host.last("select")?.layers).toEqual(["layer3.2.conv2"]);
    await view.page.keyboard.press("Escape");
    await view.page.keyboard.press("Shift+U");
    await expect.poll(() => host.last("trace")?.direction).toBe("down");
    await expect.poll(() => view.page.locator(".card.faint").count()).toBeGreaterThan(0);
    await view.page.keyboard.press("Escape");
    await expect.poll(() => view.page.locator(".card.faint").count()).toBe(0);
    await view.page.keyboard.press("Shift+I");
    await view.page.locator(".card.terminal.focused").waitFor();
  });

  it("2: goes from one found layer to the next and back, and selects each", async () => {
    await view.page.keyboard.press("Control+f");
    await view.page.keyboard.type("conv1 layer1");
    await view.page.getByRole("option").nth(2).waitFor();
    for (const [key, place, layer] of [
      ["Enter", "1 of 3", "layer1.0.conv1"],
      ["Enter", "2 of 3", "layer1.1.conv1"],
      ["Enter", "3 of 3", "layer1.2.conv1"],
      ["Enter", "1 of 3", "layer1.0.conv1"],
      ["Shift+Enter", "3 of 3", "layer1.2.conv1"],
    ] as const) {
      await view.page.keyboard.press(key);
      await view.page.getByRole("status").filter({ hasText: place }).waitFor();
      await view.page.locator(".card.focused.selected", { hasText: layer }).waitFor();
      expect(host.last("select")?.layers).toEqual([layer]);
    }
    expect(await view.page.evaluate("document.activeElement.id")).toBe("search");
    await view.page.getByRole("button", { name: "Previous", exact: true }).click();
    await view.page.getByRole("status").filter({ hasText: "2 of 3" }).waitFor();
  });

  it("2: draws the operators alone where the network cannot be prepared, and says why", async () => {
    const { operators } = graph;
    const raw = {
      ...graph,
      groups: [],
      layers: [],
      firstLast: [],
      operators: operators.map(({ parent: _, layer: __, ...operator }) => operator),
      unprepared: 'The input "x" has no shape.',
    };
    host = new FakeHost(raw);
    host.post = (message) => view.post(message);
    await host.receive({ type: "ready" });
    const banner = view.page.getByRole("alert");
    await banner.waitFor();
    expect(await banner.textContent()).toMatch(/blocks, bits and sensitivity are missing .*The input "x" has no shape\.$/);
    await view.page.locator(".card.plain", { hasText: "Conv" }).first().click();
    expect(await view.page.locator(".card.frame, .card.closed").count()).toBe(0);
    for (const name of ["Compute sensitivity", "Blocks", "Table"]) expect(await button(name).count()).toBe(0);
    await button("Details").click();
    expect(await view.page.getByRole("region", { name: "Details" }).textContent()).toContain("kernel_shape");
    await view.picture("unprepared");
    expect(view.problems).toEqual([]);
  });

  it("3: colours by the ranges of activations that the run has quantized, with the values as text", async () => {
    await button("Operators").click();
    await view.page.locator("#colour").selectOption("activationRange");
    // Layer i reads values up to i + 1; the second is the second one of the table.
    const layer = view.page.locator(".card.layer", { hasText: "layer1.0.conv1" });
    await expect.poll(() => layer.textContent()).toMatch(/A 8.*2$/);
    const headings = view.page.getByRole("columnheader");
    const column = (await headings.allTextContents()).findIndex((text) => text.startsWith("A greatest"));
    const row = view.page.getByRole("row").filter({ hasText: "layer1.0.conv1" });
    // The first cell is the row's heading.
    expect(
      await row
        .getByRole("gridcell")
        .nth(column - 1)
        .textContent(),
    ).toBe("2");
  });

  it("3: colours by sensitivity as it comes, with values as text and what groups show", async () => {
    await view.page.locator("#colour").selectOption("sensitivity4");
    expect(await view.page.locator(".legend").textContent()).toContain("No values yet");
    await view.post({ type: "sensitivity", sensitivity: sensitivityOf(graph, 1), running: true, progress: "1 of 20" });
    await expect.poll(() => cards("coloured").count()).toBe(1);
    await view.post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await expect.poll(() => cards("coloured").count()).toBeGreaterThan(2);
    // The first stage holds layers 1 to 7, of which layer i loses i/100 at 4 bits.
    expect(graph.groups[0]!.layers).toHaveLength(7);
    expect(await card("stage1").textContent()).toContain("0.28");
    expect(await view.page.locator(".legend").textContent()).toMatch(/Sensitivity at 4 bits[\s\S]*Groups show the sum/);
    await button("Compute sensitivity").click();
    await expect.poll(() => host.last("measure-sensitivity")).toBeDefined();
  });

  it.each(["lossBefore", "lossAfter", "weightBits", "parameters", "macs", "sqnr"])("3: colours by %s", async (metric) => {
    await button("Blocks").click();
    await view.page.locator("#colour").selectOption(metric);
    await expect.poll(() => cards("coloured").count()).toBeGreaterThan(2);
  });

  it("3: colours by the user's own values", async () => {
    await view.post({
      type: "node-data",
      data: { name: "latency", values: { conv1: { value: 3, text: "3 ms", colour: "#ff0000" } }, gradient: [{ stop: 0, colour: "#000000" }] },
    });
    await button("Operators").click();
    const node = view.page.locator(".card.layer", { hasText: "conv1" }).first();
    await node.waitFor();
    expect(await node.textContent()).toContain("3 ms");
    expect(await node.getAttribute("style")).toContain("background: rgb(255, 0, 0)");
  });

  it("4: shows the pairs of the selected block as a table", async () => {
    await view.post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await button("Blocks").click();
    await card("layer1.0").click();
    await button("Details").click();
    const matrix = view.page.getByRole("table");
    expect(await matrix.getByRole("columnheader").count()).toBe(2);
    expect(await matrix.getByRole("cell").allTextContents()).toEqual(expect.arrayContaining(["0.2", "-2.0e-3", "0.3"]));
  });

  it("5: edits bits by click, for a layer, its block, its stage, its operator type", async () => {
    await view.page
      .getByRole("row", { name: /layer1\.0\.conv1/ })
      .getByRole("gridcell")
      .first()
      .click();
    const dialog = view.page.getByRole("dialog", { name: "Bits of weights" });
    await dialog.getByRole("combobox").selectOption("stage");
    await expect.poll(() => dialog.textContent()).toContain("7 layers will change");
    await dialog.getByRole("button", { name: "2", exact: true }).click();
    await expect.poll(() => host.last("edit")?.layers.length).toBe(7);
    expect(host.last("edit")).toMatchObject({ which: "weights", bits: 2 });
    await expect.poll(() => view.page.locator(".status").textContent()).toMatch(/Average 3\.\d\d bits/);
  });

  it("5: edits bits by keys, of several layers at once", async () => {
    await view.page.keyboard.press("Control+a");
    await view.page.keyboard.press("3");
    await expect.poll(() => host.last("edit")).toEqual({ type: "edit", layers: graph.layers.map(({ name }) => name), which: "weights", bits: 3 });
    await view.page.keyboard.press("Shift+Digit0");
    await expect.poll(() => host.last("edit")).toMatchObject({ which: "activations", bits: "fp32" });
    await view.post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await expect.poll(() => view.page.locator(".status").textContent()).toContain("20 unknown layers");
    await view.page.keyboard.press("4");
    // Layers 0.01 + … + 0.2 = 2.1, and ten pairs or fewer at -0.004 each.
    const pairs = sensitivityOf(graph).pairs.filter(({ bits }) => bits[0] === 4).length;
    await expect.poll(() => view.page.locator(".status").textContent()).toContain(`Predicted loss ${Number((2.1 - 0.004 * pairs).toPrecision(3))}`);
  });

  it("5: without a config asks for one", async () => {
    host.config = undefined;
    await host.sendModel();
    await button("Create a config to set bits").click();
    await expect.poll(() => host.last("create-config")).toBeDefined();
  });

  it("6: sorts, filters and selects in the table by keyboard, in step with the graph", async () => {
    await button("Operators").click();
    await view.page.getByRole("searchbox").fill("layer2 conv1");
    expect(await view.page.getByRole("row").count()).toBe(4);
    await view.page.getByRole("searchbox").fill("");
    await view.page.getByRole("columnheader", { name: "Layer" }).focus();
    await view.page.keyboard.press("End");
    for (let i = 0; i < 2; i++) await view.page.keyboard.press("Enter");
    expect(await view.page.getByRole("columnheader", { name: "Flips" }).getAttribute("aria-sort")).toBe("descending");
    await view.page.keyboard.press("ArrowDown");
    await view.page.keyboard.press("Space");
    await expect.poll(() => host.last("select")?.layers).toEqual(["linear"]);
    await view.page.locator(".card.layer.selected", { hasText: "linear" }).waitFor();
    expect(await view.page.getByRole("grid").locator('[tabindex="0"]').count()).toBe(1);
    await view.page.keyboard.press("8");
    await expect.poll(() => host.last("edit")).toMatchObject({ layers: ["linear"], bits: 8 });
  });

  it("6: follows the config's text", async () => {
    await view.post({ type: "select", layers: ["layer1.1.conv2"] });
    const row = view.page.getByRole("row", { name: /layer1\.1\.conv2/ });
    await expect.poll(() => row.getAttribute("aria-selected")).toBe("true");
  });

  it("7: compares two runs side by side, in step, and marks what differs", async () => {
    await view.page.locator("#other").selectOption("w2");
    await view.page.locator(".pane").nth(1).waitFor();
    await button("Blocks").click();
    await card("layer1.0", 1).waitFor();
    expect(await card("layer1.0").textContent()).toContain("bits of 2 layers differ");
    expect(await card("layer1.0").textContent()).toMatch(/loss 0\.05 → 0\.1/);
    await button("Fit").click();
    const transforms = () =>
      view.page.evaluate<string[]>('[...document.querySelectorAll(".react-flow__viewport")].map((element) => element.style.transform)');
    await expect.poll(async () => new Set(await transforms()).size).toBe(1);
    await view.page.locator(".pane").first().hover();
    await view.page.mouse.wheel(0, 300);
    await expect.poll(async () => new Set(await transforms()).size).toBe(1);
  });

  it("8: shows the weights with their grid, range, flips and the block's losses", async () => {
    await button("Operators").click();
    await view.page.locator(".card.layer", { hasText: "layer1.0.conv1" }).click();
    await button("Details").click();
    const details = view.page.getByRole("region", { name: "Details" });
    await details.getByRole("img", { name: /Histogram of weights.*16 values/ }).waitFor();
    await details.getByRole("img", { name: /Loss curve of the block layer1\.0/ }).waitFor();
    expect(await details.textContent()).toMatch(/Range of activations\s*0 to 2[\s\S]*Rounded away from nearest\s*1\.0 %/);
  });

  it("9: exports SVG, PNG, CSV and one HTML file", async () => {
    await button("Blocks").click();
    await card("layer1.0").waitFor();
    for (const format of ["svg", "png", "csv", "html"] as const) {
      await view.page.locator("#save").selectOption(format);
      await expect.poll(() => host.last("save")?.format).toBe(format);
      const { content } = host.last("save")!;
      if (format === "svg") expect(content).toMatch(/^<svg [\s\S]*layer3\.2[\s\S]*<\/svg>\s*$/);
      if (format === "png") expect(Buffer.from(content, "base64").subarray(1, 4).toString()).toBe("PNG");
      if (format === "csv") expect(content.split("\n")).toHaveLength(graph.layers.length + 2);
      if (format === "html") expect(content).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    }
  });

  it("lists every shortcut", async () => {
    await view.page.keyboard.press("Shift+Slash");
    const sheet = view.page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await sheet.waitFor();
    expect(await sheet.textContent()).toMatch(/Ctrl\+F[\s\S]*Find/);
    await view.page.keyboard.press("Escape");
    await sheet.waitFor({ state: "detached" });
  });

  it("moves through the graph by the arrow keys and says where it is", async () => {
    await view.page.keyboard.press("g");
    for (const key of ["ArrowDown", "ArrowDown", "Enter"]) await view.page.keyboard.press(key);
    await view.page.locator(".card.frame.focused", { hasText: "stage1" }).waitFor();
    const active = await view.page.locator(".pane").getAttribute("aria-activedescendant");
    expect(await view.page.locator(`[id="${active}"]`).getAttribute("aria-label")).toMatch(/^Stage stage1, open, /);
  });

  it("has no serious accessibility violation", async () => {
    await view.post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await view.page.locator("#colour").selectOption("sensitivity2");
    await button("Operators").click();
    await cards("layer").first().click();
    for (const panel of ["table", "details"]) {
      if (panel === "details") await button("Details").click();
      await view.page.evaluate(axeSource());
      const violations = await view.page.evaluate(`axe.run(document).then(({ violations }) => violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")))`);
      expect(violations).toEqual([]);
    }
  });
});
