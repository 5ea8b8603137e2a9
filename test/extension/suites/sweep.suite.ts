import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { setup, suite, suiteSetup, suiteTeardown, test } from "mocha";
import * as vscode from "vscode";
import { activate, file, lensTitles, until } from "./support.ts";

const sweep = () => file("many.brecq.json");
const lenses = () => lensTitles(sweep(), '"sweep": {');

suite("sweeps", () => {
  suiteSetup(activate);
  setup(async () => {
    writeFileSync(sweep(), '{\n  "sweep": {\n    "models": { "net": "tiny.onnx" },\n    "matrix": { "method": ["nearest", "brecq"] }\n  }\n}\n');
    rmSync(file("many.results"), { recursive: true, force: true });
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(sweep()));
  });
  suiteTeardown(async () => {
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    rmSync(sweep());
    rmSync(file("many.results"), { recursive: true, force: true });
  });

  test("a sweep shows its progress, then its table, in the lens", async () => {
    assert.deepEqual(await lenses(), ["▶ Run sweep"]);
    const done = vscode.commands.executeCommand("brecq.runSweep", sweep());
    await until(async () => {
      const titles = await lenses();
      return titles[0] === "■ Cancel" && titles[1]?.endsWith("runs 1/2");
    }, "progress in the lens");
    await done;
    assert.deepEqual(await lenses(), ["▶ Run sweep", "1 of 2 runs done · 1 failed", "Table"]);
  });

  test("is cancelled from its lens", async () => {
    const done = vscode.commands.executeCommand("brecq.runSweep", sweep());
    await until(async () => (await lenses())[0] === "■ Cancel", "the sweep's start");
    await vscode.commands.executeCommand("brecq.cancelSweep", sweep());
    await done;
    assert.equal((await lenses())[0], "▶ Run sweep");
  });

  test("the JSON schema knows a sweep by its key, and says where it is wrong", async () => {
    const document = await vscode.workspace.openTextDocument(sweep());
    const problems = () => vscode.languages.getDiagnostics(document.uri).map(({ message }) => message);
    const edit = new vscode.WorkspaceEdit();
    const at = document.positionAt(document.getText().indexOf('"matrix"'));
    edit.insert(document.uri, at, '"weigths": 3, ');
    await vscode.workspace.applyEdit(edit);
    const [message] = await until(() => problems().length > 0 && problems(), "a problem");
    assert.match(message!, /weigths/);
    await vscode.commands.executeCommand("undo");
    await until(() => problems().length === 0, "no problem");
    await document.save();
  });
});
