import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, suiteSetup, suiteTeardown, teardown, test } from "mocha";
import type { Page } from "playwright-core";
import { openWorkbench, screenshot, type Workbench, webviewFrame } from "../harness/workbench.ts";
import {
  cancelRun,
  chooseFromContextMenu,
  chooseTheme,
  clearNotifications,
  lenses,
  openFile,
  runCommand,
  toast,
  until,
  workerPids,
} from "./actions.ts";
import { makeWorkspace, removeWorkspace, testConfig } from "./workspace.ts";

const themes = { light: "Light Modern", dark: "Dark Modern", "high-contrast": "Dark High Contrast", "high-contrast-light": "Light High Contrast" };

suite("quantizing the sample", () => {
  let workspace: string;
  let workbench: Workbench;
  let page: Page;
  /** What the browser refused because of a content security policy, in our views. */
  const refused: string[] = [];
  const config = () => join(workbench.workspace, "network.brecq.json");
  const result = (run: string) => join(workbench.workspace, "network.results", run, "result.json");

  suiteSetup(async () => {
    workspace = makeWorkspace();
    workbench = await openWorkbench({
      workspace,
      vsix: process.env.BRECQ_VSIX!,
      settings: { "brecq.threads": 1 },
    });
    page = workbench.page;
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text()) && /dist\/webview|vscode-cdn|webview-panel/.test(message.location().url))
        refused.push(message.text());
    });
  });
  suiteTeardown(async () => {
    await workbench.close();
    removeWorkspace(workspace);
  });
  teardown(async function () {
    if (this.currentTest?.state === "failed") await screenshot(page, `failure-${this.currentTest.title.replaceAll(/\W+/g, "-")}`);
  });

  test("a right-click on the network makes a config and offers to run it", async () => {
    await chooseFromContextMenu(page, "network.onnx", "Quantize with BRECQ", () => screenshot(page, "01-context-menu"));
    const choice = page.locator(".quick-input-list .monaco-list-row", { hasText: "calibration" });
    await choice.first().waitFor();
    await screenshot(page, "02-calibration-folder");
    await choice.first().click();
    await page.locator(".tab.active", { hasText: "network.brecq.json" }).waitFor();
    await toast(page, "network.brecq.json is ready").waitFor();
    await lenses(page, "▶ Run all").waitFor();
    await screenshot(page, "03-config");
    assert.match(readFileSync(config(), "utf8"), /"images": "calibration"/);
    await clearNotifications(page);
    writeFileSync(config(), testConfig);
    await until(async () => (await lenses(page, "▶ Run").count()) === 4, "a lens for each run");
  });

  test("the lens runs it, shows progress, and then the result", async () => {
    await lenses(page, /^▶ Run$/)
      .nth(0)
      .click();
    await lenses(page, "■ Cancel").waitFor();
    await page.locator(".statusbar-item", { hasText: "w4:" }).waitFor();
    await runCommand(page, "BRECQ: Show Runs");
    await page.locator(".pane-body .monaco-list-row", { hasText: "w4" }).waitFor();
    await screenshot(page, "04-running");
    await lenses(page, /top-1/).waitFor({ timeout: 120_000 });
    await screenshot(page, "05-result");
    assert.ok(existsSync(result("w4")));
    await until(() => workerPids().length === 0, "the worker's end");
  });

  test("two runs are compared", async () => {
    await lenses(page, /^▶ Run$/)
      .nth(1)
      .click();
    await until(async () => (await lenses(page, /top-1/).count()) === 2, "the second result", 120);
    await lenses(page, "Compare").first().click();
    const view = webviewFrame(page);
    await view.getByRole("row", { name: /Top-1 \d/ }).waitFor();
    await view.locator(".chart canvas").waitFor();
    const headings = await view.locator("table").first().locator("thead th").allTextContents();
    assert.deepEqual(headings, ["", "w4", "w2"]);
    for (const [name, theme] of Object.entries(themes)) {
      await chooseTheme(page, theme);
      await screenshot(page, `06-compare-${name}`);
      await view.getByRole("table").nth(2).scrollIntoViewIfNeeded();
      await screenshot(page, `06-compare-tables-${name}`);
      await view.getByRole("heading", { name: "Compare runs" }).scrollIntoViewIfNeeded();
    }
    await chooseTheme(page, themes.dark);
    assert.deepEqual(refused, []);
    await view.locator("#copy-csv").click();
    await page.locator(".statusbar-item", { hasText: "Copied 2 runs as csv" }).waitFor();
    await openFile(page, "network.brecq.json");
  });

  test("a cancelled run is resumed", async () => {
    await lenses(page, /^▶ Run$/)
      .nth(2)
      .click();
    await lenses(page, /block 3\//).waitFor({ timeout: 120_000 });
    await screenshot(page, "07-running-dark");
    await cancelRun(page);
    await lenses(page, "Resume").waitFor();
    assert.ok(!existsSync(result("slow")));
    await screenshot(page, "08-cancelled");
    await lenses(page, "Resume").click();
    await lenses(page, "■ Cancel").waitFor();
    await until(
      () => readFileSync(join(workbench.workspace, "network.results/slow/log.jsonl"), "utf8").includes('"resumed":true'),
      "blocks from the checkpoint",
      60,
    );
  });

  test("a killed worker is told, and nothing is lost", async () => {
    // The resumed run may be going on or over.
    await cancelRun(page);
    await lenses(page, /^▶ Run$/)
      .nth(2)
      .click();
    await lenses(page, /block 2\//).waitFor({ timeout: 120_000 });
    await until(() => workerPids().length === 1, "one worker");
    process.kill(workerPids()[0]!, "SIGKILL");
    const message = toast(page, "The worker process stopped");
    await message.waitFor();
    await lenses(page, "Resume").waitFor();
    await page.waitForTimeout(700);
    await screenshot(page, "09-killed");
    await message.getByRole("button", { name: "Resume" }).click();
    await lenses(page, "■ Cancel").waitFor();
    await cancelRun(page);
    await lenses(page, "Resume").waitFor();
    await clearNotifications(page);
  });

  test("a broken model is told in one sentence", async () => {
    await runCommand(page, "File: Focus on Files Explorer");
    await chooseFromContextMenu(page, "broken.onnx", "Quantize with BRECQ");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "calibration" }).first().click();
    await toast(page, /ONNX/).waitFor();
    await screenshot(page, "10-broken-model");
    assert.ok(!existsSync(join(workbench.workspace, "broken.brecq.json")));
    await clearNotifications(page);
  });

  test("a config with errors shows each at its place", async () => {
    await openFile(page, "errors.brecq.json");
    await page.locator(".squiggly-error").nth(2).waitFor();
    await runCommand(page, "Problems: Focus on Problems View");
    for (const text of ["calibrations", "1 bits are out of range", "No choice of bits can meet 1 kB"]) {
      await page.locator(".markers-panel .monaco-list-row", { hasText: text }).first().waitFor();
    }
    await screenshot(page, "11-errors");
  });

  test("closing the window ends the worker", async () => {
    await openFile(page, "network.brecq.json");
    await lenses(page, "Resume").click();
    await until(() => workerPids().length === 1, "a worker");
    await workbench.close();
    await until(() => workerPids().length === 0, "the worker's end");
  });
});
