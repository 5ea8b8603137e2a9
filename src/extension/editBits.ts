import * as vscode from "vscode";
import { setLayerBits } from "../config/edits.ts";
import type { Bits } from "../config/schema.ts";
import { parseConfigDocument } from "./configDocument.ts";

/** Gives a layer one bit more or less in the config's editor; undo takes it back. */
export async function changeLayerBits(config: string, runName: string, layerName: string, by: -1 | 1): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(config));
  const run = parseConfigDocument(document.getText()).runs.find(({ name }) => name === runName);
  const layer = run?.layers.find(({ name }) => name === layerName);
  const bits = nextBits(layer?.weights ?? run?.settings.weights ?? 4, by);
  const edit = new vscode.WorkspaceEdit();
  for (const { offset, length, content } of setLayerBits(document.getText(), runName, layerName, "weights", bits)) {
    edit.replace(document.uri, new vscode.Range(document.positionAt(offset), document.positionAt(offset + length)), content);
  }
  await vscode.workspace.applyEdit(edit);
}

/** One step on the scale 2…8, FP32; what is not on it goes to its nearest end. */
export function nextBits(bits: unknown, by: -1 | 1): Bits {
  const step = bits === "fp32" ? 9 : Number(bits);
  const next = Math.max(2, Math.round((Number.isFinite(step) ? step : 4) + by));
  return next > 8 ? "fp32" : next;
}
