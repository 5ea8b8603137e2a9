import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, suiteSetup, suiteTeardown, teardown, test } from "mocha";
import type { Page } from "playwright-core";
import { openWorkbench, screenshot, type Workbench, webviewFrame } from "../harness/workbench.ts";
import { lenses, runCommand } from "./actions.ts";
import { removeWorkspace } from "./workspace.ts";

suite("first steps", () => {
  let workspace: string;
  let workbench: Workbench;
  let page: Page;

  suiteSetup(async () => {
    // A folder of the user's, with nothing in it that the extension knows.
    workspace = mkdtempSync(join(tmpdir(), "brecq-first-"));
    writeFileSync(join(workspace, "notes.txt"), "nothing to quantize\n");
    workbench = await openWorkbench({ workspace, vsix: process.env.BRECQ_VSIX! });
    page = workbench.page;
  });
  suiteTeardown(async () => {
    await workbench?.close();
    removeWorkspace(workspace);
  });
  teardown(async function () {
    if (this.currentTest?.state === "failed") await screenshot(page, `failure-${this.currentTest.title.replaceAll(/\W+/g, "-")}`);
  });

  test("the walkthrough opens with its three steps", async () => {
    await runCommand(page, "Welcome: Open Walkthrough");
    await page.locator(".quick-input-widget input").fill("Quantize a network");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "Quantize a network" }).first().click();
    const steps = page.locator(".getting-started-step");
    await steps.nth(2).waitFor();
    const titles = await steps.locator(".step-title").allTextContents();
    assert.deepEqual(titles, ["Open the sample", "Make a config and run it", "Compare runs"]);
    await screenshot(page, "40-walkthrough");
  });

  test("its first step puts the sample into the open folder and shows the config with lenses", async () => {
    const step = page.locator(".getting-started-step", { hasText: "Open the sample" });
    await step.click();
    await step.getByRole("button", { name: "Open the Sample" }).click();
    await page.locator(".tab.active", { hasText: "resnet20.brecq.json" }).waitFor({ timeout: 60_000 });
    await lenses(page, "▶ Run all").waitFor({ timeout: 60_000 });
    const sample = join(workbench.workspace, "brecq-sample");
    const text = readFileSync(join(sample, "resnet20.brecq.json"), "utf8");
    const runs = [...text.matchAll(/^ {4}"[\w-]+": \{/gm)].length;
    assert.ok(runs > 0);
    assert.equal(await lenses(page, /^▶ Run$/).count(), runs);
    assert.ok(existsSync(join(sample, "resnet20.onnx")));
    await screenshot(page, "41-sample");
  });

  test("the extension's page shows the README, with no picture or link that leads nowhere", async () => {
    await runCommand(page, "Extensions: Show Installed Extensions");
    await page.locator(".extensions-viewlet .monaco-list-row", { hasText: "BRECQ" }).first().click();
    const readme = webviewFrame(page);
    await readme.getByRole("heading", { name: "BRECQ for VS Code" }).waitFor({ timeout: 60_000 });
    await screenshot(page, "42-extension-page");
    const addresses = (all: { getAttribute(name: string): string | null }[]) =>
      all.map((each) => each.getAttribute("href") ?? each.getAttribute("src"));
    const links = await readme.locator("a[href], img").evaluateAll(addresses);
    assert.ok(links.includes("https://arxiv.org/abs/2102.05426"), links.join(", "));
    // VS Code takes out what it does not show, and leaves an element without an address.
    assert.deepEqual(
      links.filter((address) => !address || !/^(https:|#)/.test(address)),
      [],
    );
  });
});
