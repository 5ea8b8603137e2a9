/** @file What every command shares: its options, its help, and how it is told of progress and cancellation. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { parseByteSize } from "../config/byteSize.ts";
import { nearestName } from "../config/suggestions.ts";
import { UserError } from "../engine/errors.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import type { ReportProgress } from "../protocol/progress.ts";
import { type RuntimeSettings, runtimeSettingsSchema } from "../protocol/worker.ts";

export interface CommandContext {
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
  /** The script of worker processes. */
  readonly workerScript: string;
  /** Prints a result on standard output. */
  readonly print: (text: string) => void;
}

export interface Command {
  readonly name: string;
  /** The line of the command's arguments, as in `brecq NAME USAGE`. */
  readonly usage: string;
  readonly summary: string;
  /** One line an option, besides the common ones. */
  readonly options: readonly (readonly [flag: string, meaning: string])[];
  run(args: readonly string[], context: CommandContext): Promise<void>;
}

type OptionTable = NonNullable<ParseArgsConfig["options"]>;

/** Options that every command takes. */
export const commonOptions = {
  json: { type: "boolean", default: false },
  threads: { type: "string" },
  provider: { type: "string" },
  backend: { type: "string" },
  cache: { type: "string" },
} as const satisfies OptionTable;

export const commonHelp: readonly (readonly [string, string])[] = [
  ["--json", "print the result as JSON"],
  ["--threads N", "threads of ONNX Runtime (default: all cores)"],
  ["--provider NAME", "execution provider: cpu, cuda, webgpu, dml, coreml (default: cpu)"],
  ["--backend NAME", "build of ONNX Runtime: auto, native, wasm (default: auto)"],
  [
    "--cache SIZE",
    'memory for the calibration images\' values between layers, e.g. "1 GB"; the rest lies in files beside the output (default: 4 GiB)',
  ],
];

/** The values of the common options that say how things are computed. */
interface RuntimeValues {
  threads?: string;
  provider?: string;
  backend?: string;
  cache?: string;
}

/** Parses a command's arguments. */
export function parse<const T extends OptionTable>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options: { ...commonOptions, ...options }, allowPositionals: true, strict: true });
  } catch (error) {
    const unknown = /^Unknown option '(--[^']+)'/.exec((error as Error).message)?.[1];
    if (unknown) throw unknownOption(unknown, Object.keys({ ...commonOptions, ...options }));
    throw new UserError(`${(error as Error).message.split(". To specify")[0]!.replace(/\.$/, "")}.`, { hint: "See --help." });
  }
}

function unknownOption(option: string, known: readonly string[]): UserError {
  const near = nearestName(option.slice(2), known);
  return new UserError(`There is no option ${option}.`, { hint: near ? `Did you mean --${near}?` : "See --help." });
}

/** The runtime that the common options ask for. */
export async function openRuntime(values: RuntimeValues): Promise<{ runtime: Runtime; settings: RuntimeSettings }> {
  const settings = runtimeSettings(values);
  return { runtime: await createRuntime(settings), settings };
}

/** The settings that the common options ask for. */
export function runtimeSettings(values: RuntimeValues): RuntimeSettings {
  const threads = values.threads === undefined ? undefined : wholeNumber(values.threads, "--threads");
  const checked = runtimeSettingsSchema.safeParse({
    threads,
    provider: values.provider,
    backend: values.backend,
    cacheBytes: cacheOption(values.cache),
  });
  if (!checked.success) {
    const [key] = checked.error.issues[0]!.path;
    throw new UserError(`--${String(key)} ${values[key as "provider"]} is not known.`, { hint: "See --help." });
  }
  return checked.data;
}

function cacheOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new UserError(`--cache takes a size such as "1 GB", not "${text}".`);
  return Math.ceil(bytes);
}

/** A number option's value that counts something. */
export function positiveNumber(text: string, option: string): number {
  const value = wholeNumber(text, option);
  if (value === 0) throw new UserError(`${option} must be at least 1.`);
  return value;
}

/** A number option's value. */
export function wholeNumber(text: string, option: string): number {
  if (!/^\d+$/.test(text)) throw new UserError(`${option} takes a whole number, not "${text}".`);
  return Number(text);
}

/** The only positional argument. */
export function onePositional(positionals: readonly string[], what: string): string {
  const [first, ...rest] = positionals;
  if (first === undefined) throw new UserError(`${what} is missing.`, { hint: "See --help." });
  if (rest.length > 0) throw new UserError(`Unexpected argument "${rest[0]}".`, { hint: "See --help." });
  return first;
}
