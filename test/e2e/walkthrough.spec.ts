import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite, suiteSetup, suiteTeardown, teardown, test } from "mocha";
import { openWorkbench, screenshot, type Workbench } from "../harness/workbench.ts";
import { openFile, runCommand, until } from "./actions.ts";
import { makeWorkspace, removeWorkspace } from "./workspace.ts";

suite("the walkthrough", () => {
  let workspace: string;
  let workbench: Workbench;

  suiteSetup(async () => {
    workspace = makeWorkspace();
    workbench = await openWorkbench({ workspace, vsix: process.env.BRECQ_VSIX! });
  });
  suiteTeardown(async () => {
    await workbench.close();
    removeWorkspace(workspace);
  });
  teardown(async function () {
    if (this.currentTest?.state === "failed") await screenshot(workbench.page, `failure-${this.currentTest.title.replaceAll(/\W+/g, "-")}`);
  });

  test("its first step opens the sample and is done then", async () => {
    const { page } = workbench;
    const openWalkthrough = async () => {
      await runCommand(page, "Welcome: Open Walkthrough...");
      await page.locator(".quick-input-widget input").fill("Quantize a network");
      await page.locator(".quick-input-list .monaco-list-row", { hasText: "Quantize a network" }).first().click();
    };
    await openWalkthrough();
    const done = page.locator('[data-done-step-id$="#sample"][role="checkbox"]').first();
    await done.waitFor();
    await page.getByRole("button", { name: "Open the Sample" }).first().click();
    await page.locator(".tab", { hasText: "resnet20.brecq.json" }).waitFor();
    await until(() => existsSync(join(workbench.workspace, "brecq-sample/calibration")), "the sample's folder");
    await openFile(page, "resnet20.brecq.json");
    await openWalkthrough();
    await until(async () => (await done.getAttribute("aria-checked")) === "true", "the step's check mark");
    await screenshot(page, "13-walkthrough");
  });
});
