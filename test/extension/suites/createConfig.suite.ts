import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { suite, suiteSetup, teardown, test } from "mocha";
import * as vscode from "vscode";
import { activate, file, replacing, until } from "./support.ts";

suite("Quantize with BRECQ", () => {
  suiteSetup(activate);
  teardown(() => rmSync(file("new.onnx"), { force: true }));

  test("guesses the calibration folder, writes the config, opens it and offers to run", async () => {
    writeFileSync(file("new.onnx"), "a model");
    const offered: string[] = [];
    const pick = async (items: readonly vscode.QuickPickItem[]) => {
      offered.push(...items.map(({ label }) => label));
      return items[0];
    };
    const told: string[] = [];
    const tell = async (message: string, ...actions: unknown[]) => void told.push(`${message} [${actions.join("|")}]`);
    await replacing(vscode.window, "showQuickPick", pick as unknown as typeof vscode.window.showQuickPick, () =>
      replacing(vscode.window, "showInformationMessage", tell as typeof vscode.window.showInformationMessage, async () => {
        await vscode.commands.executeCommand("brecq.quantize", vscode.Uri.file(file("new.onnx")));
      }),
    );
    assert.deepEqual(offered, ["$(folder) calibration", "$(folder-opened) Choose a folder…", "$(edit) Fill it in later"]);
    assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, file("new.brecq.json"));
    assert.deepEqual(told, ["new.brecq.json is ready. [Run “w4”]"]);

    const text = `${readFileSync(file("new.brecq.json"), "utf8")}\n// mine`;
    writeFileSync(file("new.brecq.json"), text);
    await replacing(vscode.window, "showInformationMessage", tell as typeof vscode.window.showInformationMessage, async () => {
      await vscode.commands.executeCommand("brecq.quantize", vscode.Uri.file(file("new.onnx")));
    });
    assert.equal(readFileSync(file("new.brecq.json"), "utf8"), text, "an existing config is never overwritten");
    rmSync(file("new.brecq.json"));
  });

  test("a broken model gives one clear message and no config", async () => {
    const told: string[] = [];
    const tell = async (message: string) => void told.push(message);
    await replacing(vscode.window, "showErrorMessage", tell as typeof vscode.window.showErrorMessage, async () => {
      await assert.rejects(async () => {
        const tool = await vscode.lm.invokeTool("brecq_inspect_model", { input: { model: "broken.onnx" }, toolInvocationToken: undefined });
        assert.fail(JSON.stringify(tool));
      }, /This is no ONNX file/);
    });
    assert.deepEqual(told, []);
  });

  test("the tools answer and refuse what is outside the workspace", async () => {
    const invoke = async (name: string, input: object) => {
      const result = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
      return result.content.map((part) => (part as vscode.LanguageModelTextPart).value).join("");
    };
    assert.match(await invoke("brecq_inspect_model", { model: "tiny.onnx" }), /layer1\.0\.conv1/);
    const listed = await until(async () => (await invoke("brecq_list_runs", {})).includes('"crash"'), "runs");
    assert.ok(listed);
    await assert.rejects(invoke("brecq_inspect_model", { model: "../../etc/x.onnx" }), /not inside the workspace/);
    await assert.rejects(invoke("brecq_compare_runs", { config: "tiny.brecq.json", runs: ["nope"] }), /has no run nope\. Its runs are: w4/);
  });
});
