/** @file Doing the jobs of a plan, wherever: on this machine, or by workers on a queue. */
import { availableParallelism, totalmem } from "node:os";
import { sweepSchema } from "../../config/sweepSchema.ts";
import { CancelledError } from "../../engine/errors.ts";
import type { RuntimeSettings } from "../../protocol/worker.ts";
import { defaultCacheBytes, type JobContext } from "../jobs.ts";
import { executeJob } from "./executeJob.ts";
import { jobReporter } from "./jobReports.ts";
import { type JobEvent, runInPool } from "./localPool.ts";
import type { SweepPlan } from "./planSweep.ts";
import { SweepBoard } from "./sweepBoard.ts";
import type { RunOutcome } from "./sweepTable.ts";

/** What a sweep asks of those who do its jobs. */
export interface JobSettings {
  readonly minutes: number | undefined;
  readonly attempts: number;
  /** For all jobs on one machine together; the machine's own limit where undefined. */
  readonly memoryBytes: number | undefined;
  readonly priority: number;
}

/** Where no sweep says otherwise: those of its schema. */
export const plainSettings: JobSettings = {
  minutes: undefined,
  attempts: sweepSchema.shape.limits.parse(undefined).attempts,
  memoryBytes: undefined,
  priority: sweepSchema.shape.priority.parse(undefined),
};

export interface RunnerContext extends JobSettings {
  readonly signal: AbortSignal;
  readonly onEvent: (event: JobEvent) => void;
  readonly report: JobContext["report"];
}

/** Whoever does jobs. */
export interface JobRunner {
  /** Into how many jobs a measurement of sensitivities is worth being cut. */
  readonly measurementParts: number;
  /** Does jobs and tells of each; resolves when all have ended. */
  readonly run: (plan: SweepPlan, context: RunnerContext) => Promise<void>;
}

export interface PlannedWork {
  readonly plan: SweepPlan;
  readonly runner: JobRunner;
  readonly settings: JobSettings;
  readonly context: JobContext;
  /** Keeps how all runs stand; called now and then, and at the end. */
  readonly write: (outcomes: readonly RunOutcome[]) => Promise<void>;
}

/** @throws CancelledError once everything that can be resumed is in its place */
export async function doPlan({ plan, runner, settings, context, write }: PlannedWork): Promise<void> {
  const { report, signal } = context;
  const board = new SweepBoard(plan, write);
  const reused = [...plan.outcomes.values()].filter(({ state }) => state === "reused").length;
  const message = `${plan.outcomes.size} runs: ${reused} are there already, ${plan.jobs.filter(({ kind }) => kind === "run").length} are to be done`;
  report({ type: "phase", phase: "load", message });
  const tell = jobReporter(plan.jobs.length, report);
  const onEvent = (event: JobEvent) => {
    board.follow(event);
    tell(event);
  };
  if (plan.jobs.length > 0) await runner.run(plan, { ...settings, signal, report, onEvent });
  await board.close();
  if (signal.aborted) throw new CancelledError();
}

export interface LocalSettings {
  /** The worker's script. */
  readonly script: string;
  /** Threads of a job; 0: the machine's cores are shared out. */
  readonly runtime: RuntimeSettings;
  /** Jobs at once; without it as many as there are cores, or as the threads allow. */
  readonly workers?: number | undefined;
  /** Instead of what the sweep says. */
  readonly memoryBytes?: number | undefined;
}

/** Worker processes on this machine, with cores and memory shared out among them. */
export function localRunner({ script, runtime, workers, memoryBytes: ownLimit }: LocalSettings): JobRunner {
  const wanted = workers ?? coresPer(Math.max(1, runtime.threads));
  const run: JobRunner["run"] = async (plan, { signal, minutes, attempts, memoryBytes: limit, onEvent }) => {
    const memoryBytes = ownLimit ?? limit ?? machineMemory();
    const count = Math.max(1, Math.min(wanted, plan.jobs.length));
    const own = {
      ...runtime,
      threads: runtime.threads || coresPer(count),
      cacheBytes: runtime.cacheBytes ?? cacheShare(memoryBytes, count),
    };
    await runInPool(plan.jobs, {
      workers: count,
      memoryBytes,
      attempts,
      signal,
      onEvent,
      execute: (job, context) => executeJob(job, { folder: plan.folder, script, runtime: own, memoryBytes, minutes, ...context }),
    });
  };
  return { measurementParts: wanted, run };
}

/** This machine's cores shared out: jobs of so many threads, or threads for so many jobs. */
export function coresPer(count: number): number {
  return Math.max(1, Math.floor(availableParallelism() / count));
}

/** What each of several jobs may cache: half of its share of the memory. */
export function cacheShare(memoryBytes: number, jobs: number): number {
  return Math.min(defaultCacheBytes, Math.floor(memoryBytes / jobs / 2));
}

/** Most of what this machine, or this container, has. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return 0.8 * (limit > 0 && limit < totalmem() ? limit : totalmem());
}
