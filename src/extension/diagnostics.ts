import { readdir, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { configExtension } from "../config/resultPaths.ts";
import { parseConfigDocument } from "./configDocument.ts";
import { findProblems, type NamedPath, namedPaths, type Problem, type Surroundings } from "./configProblems.ts";
import type { ModelInspector } from "./modelInspector.ts";

const delayMs = 300;

/** Keeps the problems of open configs up to date. */
export class ConfigDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("brecq");
  /** The problems behind the diagnostics, for quick fixes. */
  private readonly problems = new Map<string, { version: number; problems: Problem[] }>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly inspector: ModelInspector;

  constructor(inspector: ModelInspector) {
    this.inspector = inspector;
    const watcher = vscode.workspace.createFileSystemWatcher("**/*.onnx");
    const checkAll = () => vscode.workspace.textDocuments.forEach((document) => void this.schedule(document));
    this.subscriptions = [
      this.collection,
      watcher,
      watcher.onDidCreate(checkAll),
      watcher.onDidChange(checkAll),
      watcher.onDidDelete(checkAll),
      vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)),
    ];
    checkAll();
  }

  /** The problems of the document as it is now; empty where it has changed since they were looked for. */
  problemsOf(document: vscode.TextDocument): Problem[] {
    const known = this.problems.get(document.uri.toString());
    return known?.version === document.version ? known.problems : [];
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private schedule(document: vscode.TextDocument): void {
    if (!isConfig(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => void this.check(document), delayMs),
    );
  }

  private async check(document: vscode.TextDocument): Promise<void> {
    const { version } = document;
    const parsed = parseConfigDocument(document.getText());
    const problems = findProblems(parsed, await this.lookAround(document.uri.fsPath, namedPaths(parsed)));
    if (document.isClosed || document.version !== version) return;
    this.problems.set(document.uri.toString(), { version, problems });
    this.collection.set(
      document.uri,
      problems.map((problem) => toDiagnostic(document, problem)),
    );
  }

  private async lookAround(config: string, paths: NamedPath[]): Promise<Surroundings> {
    const found = new Map<string, "file" | "folder" | "missing">();
    const neighbours = new Map<string, string[]>();
    for (const { value } of paths) {
      const path = resolve(dirname(config), value);
      const kind = await kindOf(path);
      found.set(value, kind);
      if (kind === "missing") neighbours.set(value, await readdir(dirname(path)).catch(() => []));
    }
    const model = paths.find(({ path }) => path[0] === "model")?.value;
    if (model === undefined || found.get(model) !== "file") return { found, neighbours };
    return this.inspector.inspect(resolve(dirname(config), model)).then(
      (inspection) => ({ found, neighbours, inspection }),
      (error: Error) => ({ found, neighbours, modelError: error.message }),
    );
  }

  private forget(document: vscode.TextDocument): void {
    clearTimeout(this.timers.get(document.uri.toString()));
    this.problems.delete(document.uri.toString());
    this.collection.delete(document.uri);
  }
}

export function isConfig(document: vscode.TextDocument): boolean {
  return document.uri.scheme === "file" && basename(document.uri.path).endsWith(configExtension);
}

async function kindOf(path: string): Promise<"file" | "folder" | "missing"> {
  const status = await stat(path).catch(() => undefined);
  return status ? (status.isDirectory() ? "folder" : "file") : "missing";
}

function toDiagnostic(document: vscode.TextDocument, problem: Problem): vscode.Diagnostic {
  const { offset, length } = problem.span;
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
  const severity = problem.severity === "error" ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
  const diagnostic = new vscode.Diagnostic(range, problem.message, severity);
  diagnostic.source = "BRECQ";
  diagnostic.code = problem.code;
  return diagnostic;
}
