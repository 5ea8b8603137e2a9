/** @file A sweep from its file to its table: finished runs are taken as they are where nothing changed, the others are done. */
import { basename, dirname, resolve } from "node:path";
import { parseByteSize } from "../../config/byteSize.ts";
import { resultsFolder, type SweepFiles, sweepFiles } from "../../config/resultPaths.ts";
import type { SweepTable } from "../../config/sweepResult.ts";
import { UserError } from "../../engine/errors.ts";
import type { JobContext } from "../jobs.ts";
import { doPlan, type JobRunner } from "./doPlan.ts";
import { expandSweep, type SweepRun } from "./expandSweep.ts";
import { planSweep, runKey, runKeyOfJob, type SweepJob } from "./planSweep.ts";
import { readSweep } from "./readSweep.ts";
import { writeSweepTable } from "./sweepBoard.ts";

/** Which part of a sweep's runs to do, where several machines share them without a queue. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

export interface SweepOptions {
  readonly file: string;
  readonly runner: JobRunner;
  readonly shard?: Shard | undefined;
  /** Only make the table of what is there. */
  readonly gather?: boolean | undefined;
}

export interface Sweep {
  readonly table: SweepTable;
  readonly files: SweepFiles;
  /** Runs that were finished before. */
  readonly reused: number;
  /** Runs that failed. */
  readonly failed: number;
}

export async function runSweep(options: SweepOptions, context: JobContext): Promise<Sweep> {
  const file = resolve(options.file);
  const target = resultsFolder(file);
  const { content, models } = await readSweep(file, target);
  const { limits, priority } = content.sweep;
  const runs = expandSweep(content.sweep, file);
  const plan = await planSweep({
    folder: dirname(file),
    target,
    origin: `\`brecq sweep ${basename(file)}\``,
    models,
    runs,
    measurementParts: options.runner.measurementParts,
  });
  const files = sweepFiles(file);
  const jobs = options.gather ? [] : options.shard ? shardOf(plan.jobs, runs, options.shard) : plan.jobs;
  let table: SweepTable | undefined;
  await doPlan({
    plan: { ...plan, jobs },
    runner: options.runner,
    settings: {
      minutes: limits.minutes,
      attempts: limits.attempts,
      memoryBytes: memoryLimit(limits.memory, file),
      priority,
    },
    context,
    write: async (outcomes) => {
      table = await writeSweepTable(files, basename(file), outcomes);
    },
  });
  const states = table!.rows.flatMap((row) => row.runs.map(({ state }) => state));
  const count = (wanted: string) => states.filter((state) => state === wanted).length;
  return { table: table!, files, reused: count("reused"), failed: count("failed") };
}

/** The runs of a sweep file, without doing any. */
export async function listSweep(file: string): Promise<SweepRun[]> {
  const { content } = await readSweep(file, resultsFolder(resolve(file)));
  return expandSweep(content.sweep, file);
}

/** Every so many-th run, whether done before or not, so that the parts do not depend on when they are started. Searches of one measurement stay together. */
function shardOf(jobs: readonly SweepJob[], runs: readonly SweepRun[], { index, count }: Shard): SweepJob[] {
  const places = new Map([...new Set(runs.map(groupOf))].map((group, place) => [group, place]));
  const parts = new Map(runs.map((run) => [runKey(run), places.get(groupOf(run))! % count]));
  return jobs.filter((job) => parts.get(runKeyOfJob(job)) === index - 1);
}

function groupOf(run: SweepRun): string {
  return run.settings.search ? `${run.model}\0${run.settings.seed}` : runKey(run);
}

function memoryLimit(text: string | undefined, file: string): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes !== undefined) return bytes;
  throw new UserError(`The memory limit "${text}" is no size.`, { hint: 'Write it like "8 GB".', place: { file } });
}
