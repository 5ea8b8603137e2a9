/** @file Reading a `.brecq.json` file: comments allowed, every mistake with its line. */
import { readFile } from "node:fs/promises";
import { findNodeAtLocation, getNodeValue, type JSONPath, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { z } from "zod";
import { tooDeeplyNested } from "../config/nesting.ts";
import { type Config, configSchema, type RunConfig } from "../config/schema.ts";
import { nearestName } from "../config/suggestions.ts";
import { isSweepFile } from "../config/sweepSchema.ts";
import { UserError } from "../engine/errors.ts";

/** A config file's content with all defaults filled in. */
export async function readConfig(file: string): Promise<Config> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "does not exist" : error.code === "EISDIR" ? "is a folder" : `can't be read (${error.code})`;
    throw new UserError(`The config ${file} ${reason}.`, { hint: "`brecq init MODEL.onnx` writes one." });
  });
  return parseConfig(text, file);
}

/**
 * Parses and checks a config's text.
 * @throws UserError with the line of the first mistake
 */
export function parseConfig(text: string, file: string): Config {
  return parseAs(configSchema, text, file);
}

/** Parses a text against a schema: a config's, or that of a sweep. */
export function parseAs<T extends z.ZodObject>(schema: T, text: string, file: string): z.output<T> {
  const tooDeep = tooDeeplyNested(text);
  if (tooDeep !== undefined) {
    throw new UserError("The config is nested too deeply.", { place: { file, line: lineAt(text, tooDeep) } });
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first || !root) {
    const what = first ? inWords(printParseErrorCode(first.error)) : "the file is empty";
    throw new UserError(`The config is not valid JSON: ${what}.`, { place: { file, line: lineAt(text, first?.offset ?? 0) } });
  }
  const content: unknown = getNodeValue(root);
  if (schema === (configSchema as z.ZodObject) && isSweepFile(content)) {
    throw new UserError("The file is a sweep and no config.", { hint: "Do its runs with `brecq sweep`.", place: { file } });
  }
  const checked = schema.safeParse(content);
  if (checked.success) return checked.data;
  const { issues } = checked.error;
  // A mistyped key is also a missing one; its name says more.
  throw schemaError(issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!, { root, schema, text, file });
}

/** The settings of a run by name. */
export function runSettings(config: Config, run: string, file: string): RunConfig {
  const settings = config.runs[run];
  if (settings && Object.hasOwn(config.runs, run)) return settings;
  const names = Object.keys(config.runs);
  const near = nearestName(run, names);
  throw new UserError(`The config has no run "${run}".`, {
    hint: near ? `Did you mean "${near}"?` : `It has: ${names.join(", ") || "none"}.`,
    place: { file },
  });
}

/** "CommaExpected" as "comma expected". */
function inWords(code: string): string {
  return code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

interface CheckedText {
  readonly root: Node;
  readonly schema: z.ZodObject;
  readonly text: string;
  readonly file: string;
}

function schemaError(issue: z.core.$ZodIssue, { root, schema, text, file }: CheckedText): UserError {
  const deepest = deepestIssue(issue);
  const path = deepest.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const unknownKey = deepest.code === "unrecognized_keys" ? deepest.keys[0] : undefined;
  const at = nodeAt(root, unknownKey === undefined ? path : [...path, unknownKey]);
  const line = lineAt(text, at?.offset ?? root.offset);
  if (unknownKey !== undefined) {
    const where = path.length > 0 ? ` in "${path.join(".")}"` : "";
    const near = nearestName(unknownKey, knownKeys(schema, path));
    return new UserError(`Unknown key "${unknownKey}"${where}.`, { hint: near && `Did you mean "${near}"?`, place: { file, line } });
  }
  if (deepest.code === "invalid_type" && path.length > 0 && !findNodeAtLocation(root, path)) {
    return new UserError(`"${path.join(".")}" is missing.`, { place: { file, line } });
  }
  const what = path.length > 0 ? `"${path.join(".")}"` : "The config";
  return new UserError(`${what} is not valid: ${deepest.message}.`, { place: { file, line } });
}

/** Of a union's issues the one that comes closest: the branch with the fewest mistakes, the deepest first. */
function deepestIssue(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const branches = issue.errors.map((errors) => errors.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
  const objects = branches.filter((errors) => errors.every(({ code, path }) => code !== "invalid_type" || path.length > issue.path.length));
  const [best] = (objects.length > 0 ? objects : []).toSorted((a, b) => a.length - b.length);
  return best?.[0] ? deepestIssue(best[0]) : issue;
}

function nodeAt(root: Node, path: JSONPath): Node | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node) return node.parent?.type === "property" ? node.parent : node;
  }
  return undefined;
}

/** The keys that may stand at a path. */
function knownKeys(schema: z.core.$ZodType, [step, ...rest]: readonly PropertyKey[]): string[] {
  const type = unwrapped(schema);
  if (type instanceof z.ZodUnion) return type.options.flatMap((option) => knownKeys(option, step === undefined ? [] : [step, ...rest]));
  if (step === undefined) return type instanceof z.ZodObject ? Object.keys(type.shape) : [];
  if (type instanceof z.ZodRecord) return knownKeys(type.valueType, rest);
  if (type instanceof z.ZodArray) return knownKeys(type.element, rest);
  return type instanceof z.ZodObject && Object.hasOwn(type.shape, step) ? knownKeys(type.shape[String(step)]!, rest) : [];
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? unwrapped(schema.unwrap()) : schema;
}

/** 1-based line of a position. */
function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
