/** @file Options of the commands that do many jobs: where they are done, and how many at once. */
import { parseByteSize } from "../config/byteSize.ts";
import { UserError } from "../engine/errors.ts";
import { type JobRunner, localRunner } from "../worker/sweep/doPlan.ts";
import { type CommandContext, positiveNumber, runtimeSettings } from "./commandLine.ts";

export const runnerOptions = { workers: { type: "string" }, memory: { type: "string" } } as const;

export const runnerHelp: readonly (readonly [string, string])[] = [
  ["--workers N", "runs at once on this machine (default: as many as cores, or as --threads allows)"],
  ["--memory SIZE", 'what they may take together, e.g. "8 GB" (default: 80 % of the machine\'s)'],
];

interface RunnerValues {
  readonly threads?: string;
  readonly provider?: string;
  readonly backend?: string;
  readonly workers?: string | undefined;
  readonly memory?: string | undefined;
}

/** Where the options say that jobs are done. */
export async function jobRunner(values: RunnerValues, { workerScript }: CommandContext): Promise<JobRunner> {
  const runtime = runtimeSettings(values);
  const workers = values.workers === undefined ? undefined : positiveNumber(values.workers, "--workers");
  return localRunner({ script: workerScript, runtime, workers, memoryBytes: memoryOption(values.memory) });
}

export function memoryOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new UserError(`--memory takes a size such as "8 GB", not "${text}".`);
  return bytes;
}
