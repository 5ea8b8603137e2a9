import { readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import * as l10n from "@vscode/l10n";
import { getLocation, type Location } from "jsonc-parser";
import * as vscode from "vscode";
import type { Inspection } from "../config/inspection.ts";
import { type ConfigDocument, parseConfigDocument } from "./configDocument.ts";
import type { ModelInspector } from "./modelInspector.ts";

/** Completes what only the model and the folder know: names of layers and blocks, files and folders. */
export class ConfigCompletion implements vscode.CompletionItemProvider {
  private readonly inspector: ModelInspector;

  constructor(inspector: ModelInspector) {
    this.inspector = inspector;
  }

  async provideCompletionItems(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.CompletionItem[]> {
    const text = document.getText();
    const location = getLocation(text, document.offsetAt(position));
    const range = replacedRange(document, position, location);
    const folder = dirname(document.uri.fsPath);
    if (location.isAtPropertyKey && location.matches(["runs", "*", "layers", "*"])) {
      const parsed = parseConfigDocument(text);
      const inspection = parsed.model && (await this.inspector.inspect(resolve(folder, parsed.model)).catch(() => undefined));
      return inspection ? layerItems(inspection, parsed, location, range) : [];
    }
    if (location.isAtPropertyKey) return [];
    if (location.matches(["model"])) return pathItems(folder, range, (name) => name.endsWith(".onnx"), vscode.CompletionItemKind.File);
    const namesFolder = [
      ["calibration", "images"],
      ["evaluation", "images"],
      ["evaluation", "boxes"],
    ].some((path) => location.matches(path));
    return namesFolder ? folderItems(folder, range) : [];
  }
}

function layerItems(inspection: Inspection, document: ConfigDocument, location: Location, range: vscode.Range): vscode.CompletionItem[] {
  const run = document.runs.find(({ name }) => name === location.path[1]);
  const current = location.path.at(-1);
  const taken = new Set(run?.layers.map((layer) => layer.name).filter((name) => name !== current));
  const free = inspection.layers.filter((layer) => !taken.has(layer.name));
  const layers = free.map((layer, index) => {
    const item = property(layer.name, [layer.name], vscode.CompletionItemKind.Property, range);
    item.detail = l10n.t("{0} {1}, {2} parameters", layer.op, layer.shape.join("×"), layer.parameters);
    item.sortText = `0${String(index).padStart(6, "0")}`;
    return item;
  });
  const blocks = inspection.blocks.flatMap((block, index) => {
    const names = block.layers.filter((name) => !taken.has(name));
    if (names.length < 2) return [];
    const item = property(block.name, names, vscode.CompletionItemKind.Module, range);
    item.detail = l10n.t("all {0} layers of the block {1}", names.length, block.name);
    item.sortText = `1${String(index).padStart(6, "0")}`;
    return [item];
  });
  return [...layers, ...blocks];
}

/** An item that writes one property a layer; the bits of all are one tab stop. */
function property(label: string, layers: string[], kind: vscode.CompletionItemKind, range: vscode.Range): vscode.CompletionItem {
  const item = new vscode.CompletionItem(label, kind);
  item.filterText = JSON.stringify(label);
  const lines = layers.map((layer) => `${JSON.stringify(layer).replace(/[$}\\]/g, "\\$&")}: { "weights": \${1:8} }`);
  item.insertText = new vscode.SnippetString(lines.join(",\n"));
  item.range = range;
  return item;
}

async function pathItems(folder: string, range: vscode.Range, accept: (name: string) => boolean, kind: vscode.CompletionItemKind) {
  const names = await readdir(folder).catch(() => []);
  return names.filter(accept).map((name) => pathItem(name, range, kind));
}

async function folderItems(folder: string, range: vscode.Range): Promise<vscode.CompletionItem[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !entry.name.endsWith(".results"));
  return folders.map((entry) => pathItem(entry.name, range, vscode.CompletionItemKind.Folder));
}

function pathItem(name: string, range: vscode.Range, kind: vscode.CompletionItemKind): vscode.CompletionItem {
  const item = new vscode.CompletionItem(name, kind);
  item.filterText = item.insertText = JSON.stringify(name);
  item.range = range;
  return item;
}

/** What is typed already of the name or value, with its quotes. */
function replacedRange(document: vscode.TextDocument, position: vscode.Position, { previousNode }: Location): vscode.Range {
  const offset = document.offsetAt(position);
  if (!previousNode || previousNode.offset > offset || previousNode.offset + previousNode.length < offset)
    return new vscode.Range(position, position);
  return new vscode.Range(document.positionAt(previousNode.offset), document.positionAt(previousNode.offset + previousNode.length));
}
