import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, suiteSetup, suiteTeardown, test } from "mocha";
import { openWorkbench, screenshot, type Workbench } from "../harness/workbench.ts";
import { lenses, openFile, toast, workerPids } from "./actions.ts";
import { makeWorkspace, removeWorkspace, testConfig } from "./workspace.ts";

suite("Restricted Mode", () => {
  let workspace: string;
  let workbench: Workbench;

  suiteSetup(async () => {
    workspace = makeWorkspace();
    writeFileSync(join(workspace, "network.brecq.json"), testConfig);
    workbench = await openWorkbench({ workspace, vsix: process.env.BRECQ_VSIX!, trusted: false });
  });
  suiteTeardown(async () => {
    await workbench.close();
    removeWorkspace(workspace);
  });

  test("configs are shown with their lenses, and running is refused with the reason", async () => {
    const { page } = workbench;
    await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    await openFile(page, "network.brecq.json");
    await lenses(page, /^▶ Run$/)
      .first()
      .click();
    await toast(page, "Runs are disabled in Restricted Mode").waitFor();
    // The toast slides in.
    await page.waitForTimeout(700);
    await screenshot(page, "12-restricted-mode");
    assert.ok(!existsSync(join(workbench.workspace, "network.results")));
    assert.deepEqual(workerPids(), []);
  });
});
