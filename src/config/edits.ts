/** @file Edits of a `.brecq.json` text that keep its comments and layout. */
import { applyEdits, type Edit, type JSONPath, modify } from "jsonc-parser";
import type { Bits } from "./schema.ts";

/** Replaces `length` characters at `offset` by `content`. */
export type TextEdit = Edit;

/** The edits that set the value at a path; `undefined` removes it. Indentation is taken from the text. */
export function setValue(text: string, path: JSONPath, value: unknown): TextEdit[] {
  return modify(text, path, value, {
    formattingOptions: { insertSpaces: !/^\t/m.test(text), tabSize: indentation(text), eol: text.includes("\r\n") ? "\r\n" : "\n" },
  });
}

/** The edits that give one layer of a run its bits. */
export function setLayerBits(text: string, run: string, layer: string, which: "weights" | "activations", bits: Bits): TextEdit[] {
  return setValue(text, ["runs", run, "layers", layer, which], bits);
}

/** The text after the edits. */
export function applyTextEdits(text: string, edits: TextEdit[]): string {
  return applyEdits(text, edits);
}

/** Width of the first indented line, which is the text's own step. */
function indentation(text: string): number {
  return /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
}
