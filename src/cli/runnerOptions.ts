/** @file Options of the commands that do many jobs: where they are done, and how many at once. */
import { resolve } from "node:path";
import { parseByteSize } from "../config/byteSize.ts";
import { UserError } from "../engine/errors.ts";
import { type JobRunner, localRunner } from "../worker/sweep/doPlan.ts";
import { type CommandContext, positiveNumber, runtimeSettings } from "./commandLine.ts";

export const runnerOptions = {
  workers: { type: "string" },
  memory: { type: "string" },
  queue: { type: "string" },
  folder: { type: "string" },
  priority: { type: "string" },
} as const;

export const runnerHelp: readonly (readonly [string, string])[] = [
  ["--workers N", "runs at once on this machine (default: as many as cores, or as --threads allows)"],
  ["--memory SIZE", 'what they may take together, e.g. "8 GB" (default: 80 % of the machine\'s)'],
  ["--queue ADDRESS", "leave the runs to workers on a queue: redis://host:6379 or rediss://…; the password is read from BRECQ_QUEUE_PASSWORD"],
  ["--folder DIR", "with --queue: the folder that is shared with the workers, where they mount it elsewhere"],
  ["--priority N", "with --queue: smaller numbers come first (default: the sweep's own)"],
];

interface RunnerValues {
  readonly threads?: string;
  readonly provider?: string;
  readonly backend?: string;
  readonly cache?: string;
  readonly workers?: string | undefined;
  readonly memory?: string | undefined;
  readonly queue?: string | undefined;
  readonly folder?: string | undefined;
  readonly priority?: string | undefined;
}

/** Where the options say that jobs are done. */
export async function jobRunner(values: RunnerValues, { workerScript }: CommandContext): Promise<JobRunner> {
  const runtime = runtimeSettings(values);
  if (values.queue !== undefined) return await queueRunnerOf(values.queue, values);
  for (const option of ["folder", "priority"] as const) {
    if (values[option] !== undefined) throw new UserError(`--${option} goes with --queue.`, { hint: "See --help." });
  }
  const workers = values.workers === undefined ? undefined : positiveNumber(values.workers, "--workers");
  return localRunner({ script: workerScript, runtime, workers, memoryBytes: memoryOption(values.memory) });
}

async function queueRunnerOf(address: string, values: RunnerValues): Promise<JobRunner> {
  for (const option of ["workers", "memory", "threads"] as const) {
    if (values[option] !== undefined) throw new UserError(`--${option} is for the workers of the queue: give it to \`brecq worker\`.`);
  }
  // Loaded where it is needed: most runs have no queue.
  const { queueRunner } = await import("../worker/queue/queueRunner.ts");
  const priority = values.priority === undefined ? undefined : positiveNumber(values.priority, "--priority");
  return queueRunner({ address, root: values.folder === undefined ? undefined : resolve(values.folder), priority });
}

export function memoryOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new UserError(`--memory takes a size such as "8 GB", not "${text}".`);
  return bytes;
}
