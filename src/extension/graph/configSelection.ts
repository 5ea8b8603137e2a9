/** @file Keeps the selection in a config's text and in the graph in step. */
import * as vscode from "vscode";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import { parseConfigDocument, type Span } from "../configDocument.ts";
import { layerOfOverride, overrideName } from "./shownRun.ts";

/** Moves the selection in the config's editors that are seen to the first layer's override, else to the run; the focus stays. */
export function revealInConfig(config: string, runName: string, graph: NetworkGraph, layers: readonly string[]): void {
  for (const editor of vscode.window.visibleTextEditors.filter(({ document }) => document.uri.fsPath === config)) {
    const run = parseConfigDocument(editor.document.getText()).runs.find(({ name }) => name === runName);
    if (!run) continue;
    const names = layers.map((layer) => overrideName(graph, run, layer));
    const span: Span = run.layers.find(({ name }) => names.includes(name))?.key ?? run.key;
    const range = new vscode.Range(editor.document.positionAt(span.offset), editor.document.positionAt(span.offset + span.length));
    editor.selection = new vscode.Selection(range.start, range.end);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }
}

/** The layers whose overrides the user's selections are in, with their run; undefined where the selections are elsewhere. */
export function selectedOverrides(document: vscode.TextDocument, selections: readonly vscode.Selection[], graph: NetworkGraph) {
  const touches = (span: Span) =>
    selections.some(({ start, end }) => document.offsetAt(start) <= span.offset + span.length && document.offsetAt(end) >= span.offset);
  for (const run of parseConfigDocument(document.getText()).runs) {
    const layers = run.layers.filter(({ key }) => touches(lineOf(document, key))).flatMap(({ name }) => layerOfOverride(graph, name) ?? []);
    if (layers.length > 0) return { run: run.name, layers };
  }
  return undefined;
}

/** From the override's name to the end of its line: the bits behind it count too. */
function lineOf(document: vscode.TextDocument, { offset }: Span): Span {
  const { line } = document.positionAt(offset);
  return { offset, length: document.offsetAt(document.lineAt(line).range.end) - offset };
}
