import assert from "node:assert/strict";
import { suite, suiteSetup, test } from "mocha";
import * as vscode from "vscode";
import type { ResultStore } from "../../../src/extension/resultStore.ts";
import type { RunManager } from "../../../src/extension/runManager.ts";
import { RunsView } from "../../../src/extension/runsView.ts";
import { activate } from "./support.ts";

suite("the runs view", () => {
  suiteSetup(activate);

  test("asks the window for one refresh, until the window has come for the tree", async () => {
    const progress = new vscode.EventEmitter<void>();
    const stored = new vscode.EventEmitter<void>();
    const view = new RunsView(
      { onDidChange: progress.event, get: () => undefined } as unknown as RunManager,
      { onDidChange: stored.event, read: async () => ({ resumable: false }) } as unknown as ResultStore,
    );
    let refreshes = 0;
    view.onDidChangeTreeData(() => refreshes++);
    try {
      for (let i = 0; i < 5; i++) progress.fire();
      stored.fire();
      assert.equal(refreshes, 1);
      await view.getChildren();
      progress.fire();
      progress.fire();
      assert.equal(refreshes, 2);
    } finally {
      view.dispose();
    }
  });
});
