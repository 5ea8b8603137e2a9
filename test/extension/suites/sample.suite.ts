import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { suite, suiteSetup, teardown, test } from "mocha";
import * as vscode from "vscode";
import { activate, file, until } from "./support.ts";

suite("Open the Sample", () => {
  const config = "brecq-sample/resnet20.brecq.json";
  const isShown = () => vscode.window.activeTextEditor?.document.uri.fsPath === file(config);

  suiteSetup(activate);
  teardown(async () => {
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    rmSync(file("brecq-sample"), { recursive: true, force: true });
  });

  test("copies the network, its images and its licence, and opens the config", async () => {
    await vscode.commands.executeCommand("brecq.openSample");
    await until(isShown, "the sample's config");
    for (const name of ["resnet20.onnx", "resnet20.LICENSE", "SOURCES.md"]) assert.ok(existsSync(file(`brecq-sample/${name}`)), name);
    for (const folder of ["calibration", "evaluation"]) assert.ok(readdirSync(file(`brecq-sample/${folder}`)).length > 0, folder);
    assert.ok(!existsSync(file("brecq-sample/resnet20.results")), "results are no part of the sample");
    assert.equal(JSON.parse(readFileSync(file(config), "utf8").replaceAll(/^\s*\/\/.*$/gm, "")).model, "resnet20.onnx");
  });

  test("opens an earlier copy as it is", async () => {
    await vscode.commands.executeCommand("brecq.openSample");
    await until(isShown, "the sample's config");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    appendFileSync(file(config), "// mine\n");
    await vscode.commands.executeCommand("brecq.openSample");
    await until(isShown, "the copy's config");
    assert.match(readFileSync(file(config), "utf8"), /\/\/ mine\n$/);
  });
});
