/** @file Edits of many layers' bits in a `.brecq.json` text at once; comments stay where they are. */
import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import { applyTextEdits, setValue, type TextEdit } from "./edits.ts";
import type { Bits } from "./schema.ts";

export interface LayerChange {
  /** The name that the override has, or is to have. */
  readonly layer: string;
  /** Undefined removes the override. */
  readonly bits: Bits | undefined;
}

/** The text with the changes made to a run's overrides. Objects that become empty go too, unless a comment is in them. */
export function changeLayers(text: string, run: string, which: "weights" | "activations", changes: readonly LayerChange[]): string {
  const sets = changes.filter((change): change is { layer: string; bits: Bits } => change.bits !== undefined);
  let changed = sets.length > 0 ? setOverrides(text, run, which, sets) : text;
  for (const { layer, bits } of changes) if (bits === undefined) changed = removeOverride(changed, run, layer, which);
  return changed;
}

/** The one edit that makes `after` of `before`: the part in the middle that differs. */
export function differingPart(before: string, after: string): TextEdit | undefined {
  if (before === after) return undefined;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { offset: start, length: before.length - start - end, content: after.slice(start, after.length - end) };
}

function setOverrides(given: string, run: string, which: string, sets: readonly { layer: string; bits: Bits }[]): string {
  const path = ["runs", run, "layers"];
  const text = nodeAt(given, path) ? given : applyTextEdits(given, setValue(given, path, {}));
  const layers = nodeAt(text, path);
  if (layers?.type !== "object") return given;
  const edits: TextEdit[] = [];
  const added: string[] = [];
  for (const { layer, bits } of sets) {
    const override = findNodeAtLocation(layers, [layer]);
    const value = override && findNodeAtLocation(override, [which]);
    if (value) edits.push({ offset: value.offset, length: value.length, content: JSON.stringify(bits) });
    else if (override?.type === "object") edits.push(insertion(text, override, [`${JSON.stringify(which)}: ${JSON.stringify(bits)}`], false));
    else added.push(`${JSON.stringify(layer)}: { ${JSON.stringify(which)}: ${JSON.stringify(bits)} }`);
  }
  if (added.length > 0) edits.push(insertion(text, layers, added, true));
  return applyTextEdits(text, edits);
}

/** Puts properties behind the last one of an object: on lines of their own where the others are, or where `ownLines` says so and there are none. */
function insertion(text: string, object: Node, properties: readonly string[], ownLines: boolean): TextEdit {
  const last = object.children?.at(-1);
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  if (last) {
    const begin = lineStart(text, last.offset);
    const lead = text.slice(begin, last.offset);
    const separator = lead.trim() === "" ? `${lineEnd}${lead}` : " ";
    return { offset: last.offset + last.length, length: 0, content: properties.map((property) => `,${separator}${property}`).join("") };
  }
  if (!ownLines || commentIn(text, object)) return { offset: object.offset + 1, length: 0, content: ` ${properties.join(", ")}` };
  const outer = /^[ \t]*/.exec(text.slice(lineStart(text, object.offset)))![0];
  const inner = `${outer}${/^\t/m.test(text) ? "\t" : (/^( +)\S/m.exec(text)?.[1] ?? "  ")}`;
  const lines = properties.join(`,${lineEnd}${inner}`);
  return { offset: object.offset, length: object.length, content: `{${lineEnd}${inner}${lines}${lineEnd}${outer}}` };
}

function removeOverride(text: string, run: string, layer: string, which: string): string {
  const layers = ["runs", run, "layers"];
  let changed = removeProperty(text, [...layers, layer, which]);
  for (const path of [[...layers, layer], layers]) {
    const node = nodeAt(changed, path);
    if (node?.type === "object" && node.children?.length === 0 && !commentIn(changed, node)) changed = removeProperty(changed, path);
  }
  return changed;
}

/** Removes a property with its comma, and its line where nothing else is on it; comments beside it stay, which `setValue` does not promise. */
function removeProperty(text: string, path: readonly string[]): string {
  const property = nodeAt(text, path)?.parent;
  if (property?.type !== "property") return text;
  const siblings = property.parent?.children ?? [];
  const index = siblings.indexOf(property);
  let end = property.offset + property.length;
  const comma = /^\s*,/.exec(text.slice(end));
  const edits: TextEdit[] = [];
  if (comma) end += comma[0].length;
  else if (index > 0) edits.push(commaBehind(text, siblings[index - 1]!));
  const begin = lineStart(text, property.offset);
  const rest = /^[ \t]*(\r?\n|$)/.exec(text.slice(end));
  const isAlone = text.slice(begin, property.offset).trim() === "" && rest !== null && begin > 0;
  if (isAlone) edits.push({ offset: begin, length: end + rest[0].length - begin, content: "" });
  else {
    const spaces = comma ? /^[ \t]*/.exec(text.slice(end))![0].length : 0;
    const before = comma || index === 0 ? 0 : text.slice(begin, property.offset).length - text.slice(begin, property.offset).trimEnd().length;
    edits.push({ offset: property.offset - before, length: end + spaces - property.offset + before, content: "" });
  }
  return applyTextEdits(text, edits);
}

/** Removes the comma between a property and the next; a comment may stand before it. */
function commaBehind(text: string, { offset, length }: Node): TextEdit {
  const gap = /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*/.exec(text.slice(offset + length))![0].length;
  return { offset: offset + length + gap, length: text[offset + length + gap] === "," ? 1 : 0, content: "" };
}

function nodeAt(text: string, path: readonly string[]): Node | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return root && findNodeAtLocation(root, [...path]);
}

function commentIn(text: string, node: Node): boolean {
  return /\/[/*]/.test(text.slice(node.offset, node.offset + node.length));
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}
