import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as vscode from "vscode";

/** Path of a file in the workspace under test. */
export function file(name: string): string {
  return join(vscode.workspace.workspaceFolders![0]!.uri.fsPath, name);
}

export async function activate(): Promise<void> {
  await vscode.extensions.getExtension("brecq.brecq")!.activate();
}

/** The first value that is not undefined or false. */
export async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>, what: string, seconds = 60): Promise<T> {
  const limit = Date.now() + seconds * 1000;
  while (true) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(Date.now() < limit, `${what}: it did not happen within ${seconds} s`);
    await delay(50);
  }
}

/** Titles of the lenses on the line that holds a text. */
export async function lensTitles(config: string, lineText: string): Promise<string[]> {
  const document = await vscode.workspace.openTextDocument(config);
  const line = document.positionAt(document.getText().indexOf(lineText)).line;
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", document.uri, 100);
  return lenses.filter((lens) => lens.range.start.line === line).map((lens) => lens.command?.title ?? "");
}

/** Opens a config and leaves it without unsaved edits at the end. */
export async function openConfig(name: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(file(name));
  await vscode.window.showTextDocument(document);
  return document;
}

/** Puts a function in the place of one of VS Code's for the time of a test. */
export async function replacing<T, K extends keyof T>(owner: T, name: K, replacement: T[K], act: () => Promise<void>): Promise<void> {
  const original = owner[name];
  owner[name] = replacement;
  try {
    await act();
  } finally {
    owner[name] = original;
  }
}
