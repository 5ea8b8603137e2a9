/** @file Which config a model's bits are written in. */
import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { configExtension } from "../../config/resultPaths.ts";
import { parseConfigDocument } from "../configDocument.ts";
import { findConfigs, readConfig } from "../configFiles.ts";
import { isConfig } from "../diagnostics.ts";

/** The config beside the model with its name, else an open one that names the model, else any of the workspace that does. */
export async function findModelConfig(model: string): Promise<string | undefined> {
  const beside = model.replace(/\.onnx$/i, configExtension);
  if (beside !== model && (await namesModel(beside, model))) return beside;
  for (const document of vscode.workspace.textDocuments.filter(isConfig)) {
    if (isFor(parseConfigDocument(document.getText()).model, document.uri.fsPath, model)) return document.uri.fsPath;
  }
  for (const config of await findConfigs()) if (await namesModel(config, model)) return config;
  return undefined;
}

async function namesModel(config: string, model: string): Promise<boolean> {
  const exists = await vscode.workspace.fs.stat(vscode.Uri.file(config)).then(
    () => true,
    () => false,
  );
  if (!exists) return false;
  const read = await readConfig(config).catch(() => undefined);
  return isFor(read?.model, config, model);
}

function isFor(named: string | undefined, config: string, model: string): boolean {
  return named !== undefined && resolve(dirname(config), named) === model;
}
