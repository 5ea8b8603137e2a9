/** @file A `.brecq.json` text as a tree with positions: what lenses, diagnostics and completion look at. */
import { findNodeAtLocation, getNodeValue, type JSONPath, type Node, type ParseError, parseTree } from "jsonc-parser";
import { tooDeeplyNested } from "../config/nesting.ts";

/** Characters of the text. */
export interface Span {
  offset: number;
  length: number;
}

export interface ConfigLayer {
  name: string;
  /** The layer's name in quotes. */
  key: Span;
  /** As written, whatever it is. */
  weights: unknown;
  activations: unknown;
}

export interface ConfigRun {
  name: string;
  /** The run's name in quotes. */
  key: Span;
  /** The run's settings as written; an empty object where they are no object. */
  settings: Record<string, unknown>;
  layers: ConfigLayer[];
}

export interface ConfigDocument {
  /** Undefined where the text holds no JSON value. */
  root: Node | undefined;
  syntaxErrors: ParseError[];
  model: string | undefined;
  runs: ConfigRun[];
  /** The key `sweep` in quotes, where the file is a sweep and no config. */
  sweep: Span | undefined;
}

/** Reads what can be read: a text with errors gives the parts that are well-formed. */
export function parseConfigDocument(text: string): ConfigDocument {
  const tooDeep = tooDeeplyNested(text);
  if (tooDeep !== undefined) {
    return { root: undefined, syntaxErrors: [{ error: 1, offset: tooDeep, length: 1 }], model: undefined, runs: [], sweep: undefined };
  }
  const syntaxErrors: ParseError[] = [];
  const root = parseTree(text, syntaxErrors, { allowTrailingComma: true });
  const model = root && findNodeAtLocation(root, ["model"]);
  return {
    root,
    syntaxErrors,
    model: typeof model?.value === "string" ? model.value : undefined,
    runs: root ? properties(findNodeAtLocation(root, ["runs"])).map(readRun) : [],
    sweep: properties(root).find(({ name }) => name === "sweep")?.key,
  };
}

/** Where the value at a path stands; undefined where there is none. */
export function valueSpan(document: ConfigDocument, path: JSONPath): Span | undefined {
  const node = document.root && findNodeAtLocation(document.root, path);
  return node && { offset: node.offset, length: node.length };
}

/** Where the name of the property at a path stands. */
export function keySpan(document: ConfigDocument, path: JSONPath): Span | undefined {
  const node = document.root && findNodeAtLocation(document.root, path);
  const key = node?.parent?.type === "property" ? node.parent.children?.[0] : undefined;
  return key && { offset: key.offset, length: key.length };
}

/** The value at a path. */
export function valueAt(document: ConfigDocument, path: JSONPath): unknown {
  const node = document.root && findNodeAtLocation(document.root, path);
  return node && getNodeValue(node);
}

function readRun(property: Property): ConfigRun {
  const settings = getNodeValue(property.value);
  return {
    name: property.name,
    key: property.key,
    settings: typeof settings === "object" && settings !== null && !Array.isArray(settings) ? settings : {},
    layers: properties(findNodeAtLocation(property.value, ["layers"])).map((layer) => ({
      name: layer.name,
      key: layer.key,
      weights: childValue(layer.value, "weights"),
      activations: childValue(layer.value, "activations"),
    })),
  };
}

interface Property {
  name: string;
  key: Span;
  value: Node;
}

/** The finished properties of an object; one that is still being typed has no value and is left out. */
function properties(node: Node | undefined): Property[] {
  if (node?.type !== "object") return [];
  return (node.children ?? []).flatMap((child) => {
    const [key, value] = child.children ?? [];
    return key && value ? [{ name: String(key.value), key: { offset: key.offset, length: key.length }, value }] : [];
  });
}

function childValue(node: Node, name: string): unknown {
  const value = findNodeAtLocation(node, [name]);
  return value && getNodeValue(value);
}
