import * as vscode from "vscode";
import { changeLayers, differingPart } from "../../config/layerEdits.ts";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import type { Bits } from "../../config/schema.ts";
import { parseConfigDocument } from "../configDocument.ts";
import { overrideName, ownBits } from "./shownRun.ts";

export interface LayersEdit {
  layers: readonly string[];
  which: "weights" | "activations";
  bits: Bits;
}

/**
 * Gives layers of a run their bits in the config's text, as one step of undo. A layer that has these bits without an override loses its override.
 * @returns whether the text could be edited
 */
export async function editLayers(config: string, runName: string, graph: NetworkGraph, { layers, which, bits }: LayersEdit): Promise<boolean> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(config));
  const text = document.getText();
  const run = parseConfigDocument(text).runs.find(({ name }) => name === runName);
  if (!run) return false;
  const known = new Set(graph.layers.map(({ name }) => name));
  const changes = layers
    .filter((layer) => known.has(layer))
    .map((layer) => ({ layer: overrideName(graph, run, layer), bits: ownBits(graph, run, layer)[which] === bits ? undefined : bits }));
  const part = differingPart(text, changeLayers(text, runName, which, changes));
  if (!part) return true;
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(document.positionAt(part.offset), document.positionAt(part.offset + part.length)), part.content);
  return vscode.workspace.applyEdit(edit);
}
