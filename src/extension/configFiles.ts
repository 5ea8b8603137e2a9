import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { configExtension } from "../config/resultPaths.ts";
import { type ConfigDocument, parseConfigDocument } from "./configDocument.ts";
import { isConfig } from "./diagnostics.ts";

/** A config's content as it is in its editor, or on the disk. */
export async function readConfig(config: string): Promise<ConfigDocument> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(config));
  return parseConfigDocument(document.getText());
}

/** The worker reads the file, so what is in the editor is saved first. */
export async function saveConfig(config: string): Promise<void> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.fsPath === config);
  if (open?.isDirty && !(await open.save())) throw new Error(l10n.t("{0} could not be saved.", basename(config)));
}

/** Paths of the workspace's configs. */
export async function findConfigs(): Promise<string[]> {
  const files = await vscode.workspace.findFiles(`**/*${configExtension}`, "**/{node_modules,.git,*.results}/**", 500);
  return files.map((file) => file.fsPath).sort();
}

/** The config of a command that was called without one: the one in the editor, else the user's choice. */
export async function chooseConfig(): Promise<string | undefined> {
  const active = vscode.window.activeTextEditor?.document;
  if (active && isConfig(active)) return active.uri.fsPath;
  const configs = await findConfigs();
  if (configs.length === 0) {
    void vscode.window.showInformationMessage(
      l10n.t("There is no {0} file in this workspace: right-click an .onnx file and choose “Quantize with BRECQ”.", `*${configExtension}`),
    );
  }
  if (configs.length < 2) return configs[0];
  const items = configs.map((config) => ({ label: vscode.workspace.asRelativePath(config), config }));
  return (await vscode.window.showQuickPick(items, { title: l10n.t("Which config?") }))?.config;
}

/** The run of a command that was called without one. */
export async function chooseRun(config: string): Promise<string | undefined> {
  const names = (await readConfig(config)).runs.map((run) => run.name);
  if (names.length < 2) return names[0];
  return vscode.window.showQuickPick(names, { title: l10n.t("Which run of {0}?", basename(config)) });
}
