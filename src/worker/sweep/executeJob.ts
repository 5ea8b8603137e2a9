/** @file One job of a sweep in a process of its own; the same for a pool on this machine and for a worker on a queue. */
import { join } from "node:path";
import type { RunFigures } from "../../config/sweepResult.ts";
import { errorMessage, UserError } from "../../engine/errors.ts";
import type { Progress } from "../../protocol/progress.ts";
import type { FailureReason, Job, RuntimeSettings } from "../../protocol/worker.ts";
import { readConfig, runSettings } from "../readConfig.ts";
import { isMachineTrouble, machineError } from "../systemErrors.ts";
import { startWorker, usualPatience, type WorkerOutcome } from "../workerProcess.ts";
import { finishedFigures, isMeasured, markFinished, markMeasured, unmarkFinished } from "./finishedRun.ts";
import { type SweepJob, settingsHash } from "./planSweep.ts";
import { runFigures } from "./runFigures.ts";

export type JobOutcome =
  | { readonly kind: "done"; readonly figures?: RunFigures | undefined; readonly reused: boolean }
  | { readonly kind: "failed"; readonly message: string; readonly reason: FailureReason | "job" }
  | { readonly kind: "cancelled" };

export interface JobSurroundings {
  /** The sweep file's folder on this machine. */
  readonly folder: string;
  /** The worker's script. */
  readonly script: string;
  readonly runtime: RuntimeSettings;
  /** The job fails when it takes more. */
  readonly memoryBytes?: number | undefined;
  readonly minutes?: number | undefined;
  /** Take a run over from a process that has been silent for so long. */
  readonly takeOverSeconds?: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((event: Progress) => void) | undefined;
  readonly onMemory?: ((bytes: number) => void) | undefined;
  readonly onLog?: ((line: string) => void) | undefined;
}

/** Does a job, or finds that it was done before. Never rejects. */
export async function executeJob(job: SweepJob, surroundings: JobSurroundings): Promise<JobOutcome> {
  try {
    const config = join(surroundings.folder, job.config);
    await requireSettings(config, job);
    if (job.kind === "sensitivity") return await measured(job, config, surroundings);
    if (job.kind === "search") return await inProcess(job, config, surroundings);
    const known = await finishedFigures(config, job.run, job.basis);
    if (known) return { kind: "done", figures: known, reused: true };
    await unmarkFinished(config, job.run);
    const outcome = await inProcess(job, config, surroundings);
    if (outcome.kind === "done") await markFinished(config, job.run, job.basis);
    return outcome;
  } catch (error) {
    return thrownOutcome(error);
  }
}

/** On a queue a measurement stands before each run that needs it: only the first time does it take more than a look. */
async function measured(job: SweepJob, config: string, surroundings: JobSurroundings): Promise<JobOutcome> {
  if (await isMeasured(config, job)) return { kind: "done", reused: true };
  const outcome = await inProcess(job, config, surroundings);
  if (outcome.kind === "done") await markMeasured(config, job);
  return outcome;
}

/** @throws UserError where the config on the disk is another one than when the job was made */
async function requireSettings(config: string, { run, settings }: SweepJob): Promise<void> {
  if (settingsHash(runSettings(await readConfig(config), run, config)) === settings) return;
  throw new UserError(`The settings of "${run}" have changed since it was queued.`, { hint: "Start the sweep again.", place: { file: config } });
}

async function inProcess(job: SweepJob, config: string, surroundings: JobSurroundings): Promise<JobOutcome> {
  const { signal, minutes } = surroundings;
  if (signal.aborted) return { kind: "cancelled" };
  const worker = startWorker(protocolJob(job, config, surroundings), {
    script: surroundings.script,
    nodePath: process.execPath,
    memoryLimitBytes: surroundings.memoryBytes,
    ...usualPatience,
    onProgress: (event) => surroundings.onProgress?.(event),
    onMemory: (bytes) => surroundings.onMemory?.(bytes),
    onLog: (line) => surroundings.onLog?.(line),
  });
  let late = false;
  const limit =
    minutes === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          worker.cancel();
        }, minutes * 60_000);
  const cancel = () => worker.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const outcome = await worker.finished;
    if (late && outcome.kind !== "done") {
      return { kind: "failed", message: `It took longer than ${minutes} minutes, the sweep's limit.`, reason: "job" };
    }
    return jobOutcome(outcome, signal);
  } finally {
    clearTimeout(limit);
    signal.removeEventListener("abort", cancel);
  }
}

function protocolJob({ kind, run, candidates, part }: SweepJob, config: string, { runtime, takeOverSeconds }: JobSurroundings): Job {
  switch (kind) {
    case "run":
      return { job: "run", config, run, resume: true, takeOverSeconds, runtime };
    case "sensitivity":
      return { job: "sensitivity", config, run, candidates, part, runtime };
    case "search":
      return { job: "search", config, run, runtime };
  }
}

function jobOutcome(outcome: WorkerOutcome, signal: AbortSignal): JobOutcome {
  switch (outcome.kind) {
    case "done": {
      const { result } = outcome;
      return { kind: "done", figures: result.job === "run" ? runFigures(result.result) : undefined, reused: false };
    }
    case "cancelled":
      return { kind: "cancelled" };
    case "failed": {
      const { file, line, node, hint, reason = "job" } = outcome;
      const error = new UserError(outcome.message, { hint, place: { file, line, node } });
      return { kind: "failed", message: outcome.expected ? error.toLine() : `A defect of brecq: ${outcome.message}`, reason };
    }
    case "crashed":
      if (signal.aborted) return { kind: "cancelled" };
      return { kind: "failed", message: `Its process stopped. ${outcome.message}`, reason: outcome.reason === "protocol" ? "job" : "machine" };
  }
}

function thrownOutcome(thrown: unknown): JobOutcome {
  const error = machineError(thrown);
  const message = error instanceof UserError ? error.toLine() : errorMessage(error);
  return { kind: "failed", message, reason: isMachineTrouble(error) ? "machine" : "job" };
}
