import assert from "node:assert/strict";
import { suite, test } from "mocha";
import * as vscode from "vscode";

suite("activation", () => {
  test("registers the commands", async () => {
    await vscode.extensions.getExtension("brecq.brecq")!.activate();
    assert.ok((await vscode.commands.getCommands(true)).includes("brecq.quantize"));
  });
});
