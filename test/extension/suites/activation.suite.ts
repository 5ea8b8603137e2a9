import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "mocha";
import * as vscode from "vscode";

suite("activation", () => {
  const extension = vscode.extensions.getExtension("brecq.brecq")!;

  test("loads in less than 50 ms of processor time, activates in less than 50 ms, and registers what the manifest promises", async function () {
    const { activationMilliseconds } = await extension.activate();
    // A second copy of the module, because the first was loaded before this test.
    const main = require.resolve(join(extension.extensionPath, extension.packageJSON.main));
    delete require.cache[main];
    // Processor time, because other work on the machine makes the clock say more.
    const started = process.cpuUsage();
    require(main);
    const { user, system } = process.cpuUsage(started);
    const loading = (user + system) / 1000;
    const registered = new Set(await vscode.commands.getCommands(true));
    for (const { command } of extension.packageJSON.contributes.commands) assert.ok(registered.has(command), command);
    assert.ok(loading < 50 && activationMilliseconds < 50, `loading ${loading.toFixed(1)} ms and activating ${activationMilliseconds.toFixed(1)} ms`);
    this.test!.title += ` (loading ${loading.toFixed(1)} ms, activating ${activationMilliseconds.toFixed(1)} ms)`;
  });

  test("declares Restricted Mode, virtual workspaces and where it runs", () => {
    const { capabilities, extensionKind } = extension.packageJSON;
    assert.equal(capabilities.untrustedWorkspaces.supported, "limited");
    assert.equal(capabilities.virtualWorkspaces.supported, false);
    assert.ok(capabilities.virtualWorkspaces.description.length > 20);
    assert.deepEqual(extensionKind, ["workspace"]);
  });

  test("the menu entry stands on .onnx files only", () => {
    // In a remote window VS Code itself turns the scheme "file" into "vscode-remote".
    const entries: { command: string; when: string }[] = extension.packageJSON.contributes.menus["explorer/context"];
    assert.deepEqual(
      entries.map(({ command }) => command),
      ["brecq.quantize", "brecq.openGraph"],
    );
    for (const { when } of entries) assert.match(when, /^resourceExtname == '?\.onnx'? && resourceScheme == '?(file|vscode-remote)'?$/);
  });

  test("every string of the manifest is there", () => {
    const text = JSON.stringify(extension.packageJSON.contributes);
    assert.ok(!/"%[\w.]+%"/.test(text), "a %key% was not replaced");
  });

  test("the tools are registered with schemas", () => {
    const names = vscode.lm.tools.filter((tool) => tool.name.startsWith("brecq_")).map((tool) => tool.name);
    assert.deepEqual(names.sort(), ["brecq_compare_runs", "brecq_inspect_model", "brecq_list_runs", "brecq_run"]);
  });
});
