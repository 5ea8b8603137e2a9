import assert from "node:assert/strict";
import { suite, suiteSetup, test } from "mocha";
import * as vscode from "vscode";
import { activate, file, lensTitles, openConfig, until } from "./support.ts";

suite("config language", () => {
  suiteSetup(activate);

  test("configs are JSON with comments, with the schema's hover texts", async () => {
    const document = await openConfig("tiny.brecq.json");
    assert.equal(document.languageId, "jsonc");
    const at = document.positionAt(document.getText().indexOf('"weights"') + 3);
    const text = await until(async () => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", document.uri, at);
      return hovers.flatMap((hover) => hover.contents.map((content) => (typeof content === "string" ? content : content.value))).join("\n");
    }, "a hover");
    assert.match(text, /Bits of the weights, 2 to 8/);
  });

  test("errors stand at their places", async () => {
    const document = await openConfig("errors.brecq.json");
    const found = await until(() => {
      const own = vscode.languages.getDiagnostics(document.uri).filter((diagnostic) => diagnostic.source === "BRECQ");
      return own.length >= 4 && own;
    }, "diagnostics");
    const described = found.map((diagnostic) => `${document.getText(diagnostic.range)}: ${diagnostic.message}`).sort();
    assert.deepEqual(described, [
      '"0.1 kB": No choice of bits can meet 0.1 kB: the smallest possible is 2.80 kB.',
      '"calibratio": There is no folder "calibratio" beside this file. Did you mean "calibration"?',
      '"con1": The model has no layer "con1". Did you mean "conv1"?',
      '9: 9 bits are out of range: use 2 to 8, or "fp32" for none.',
    ]);
  });

  test("quick fixes mend them all", async () => {
    const document = await openConfig("errors.brecq.json");
    const own = () => vscode.languages.getDiagnostics(document.uri).filter((diagnostic) => diagnostic.source === "BRECQ");
    await until(() => own().length === 4, "diagnostics");
    for (let left = 4; left > 0; left--) {
      const [diagnostic] = own();
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>("vscode.executeCodeActionProvider", document.uri, diagnostic!.range);
      const fix = actions.find(({ title }) => /^(Change to|Use|Set the limit)/.test(title));
      assert.ok(fix?.edit, `a fix for ${diagnostic!.message}`);
      await vscode.workspace.applyEdit(fix.edit);
      await until(() => own().length === left - 1, `${left - 1} problems left`);
    }
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  test("a broken model is told at its name", async () => {
    const document = await openConfig("tiny.brecq.json");
    const model = document.getText().indexOf('"tiny.onnx"');
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(document.positionAt(model), document.positionAt(model + 11)), '"broken.onnx"');
    await vscode.workspace.applyEdit(edit);
    const diagnostic = await until(() => vscode.languages.getDiagnostics(document.uri).find(({ code }) => code === "model"), "a diagnostic");
    assert.match(diagnostic.message, /This is no ONNX file.*Export the network again/);
    assert.equal(document.getText(diagnostic.range), '"broken.onnx"');
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  test("layers and blocks are completed from the model", async () => {
    const document = await openConfig("tiny.brecq.json");
    const at = document.positionAt(document.getText().indexOf('"conv1"') + 1);
    const list = await vscode.commands.executeCommand<vscode.CompletionList>("vscode.executeCompletionItemProvider", document.uri, at);
    const labels = list.items.map((item) => (typeof item.label === "string" ? item.label : item.label.label));
    for (const name of ["conv1", "layer1.0.conv1", "fc", "layer1.0"]) assert.ok(labels.includes(name), name);
    const block = list.items.find((item) => item.label === "layer1.0");
    assert.ok(block?.insertText instanceof vscode.SnippetString);
    assert.match(block.insertText.value, /"layer1.0.conv1".*\n"layer1.0.conv2"/);
  });

  test("minus and plus change a layer's bits and undo takes it back", async () => {
    const document = await openConfig("tiny.brecq.json");
    const before = document.getText();
    assert.deepEqual((await lensTitles(file("tiny.brecq.json"), '"w2"')).slice(-3), ["8 bits", "−", "+"]);
    await vscode.commands.executeCommand("brecq.changeBits", file("tiny.brecq.json"), "w2", "conv1", -1);
    assert.equal(document.getText(), before.replace('"conv1": { "weights": 8 }', '"conv1": { "weights": 7 }'));
    await vscode.commands.executeCommand("brecq.changeBits", file("tiny.brecq.json"), "w2", "conv1", 1);
    await vscode.commands.executeCommand("brecq.changeBits", file("tiny.brecq.json"), "w2", "conv1", 1);
    assert.match(document.getText(), /"conv1": { "weights": "fp32" }/);
    for (let undone = 0; undone < 3; undone++) await vscode.commands.executeCommand("undo");
    assert.equal(document.getText(), before);
  });
});
