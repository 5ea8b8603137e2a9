/** @file A whole sweep as one job of a worker process: what the editor starts. */
import type { Job, JobResult } from "../../protocol/worker.ts";
import type { JobContext } from "../jobs.ts";
import { type JobRunner, localRunner } from "./doPlan.ts";
import { runSweep } from "./runSweep.ts";

export type SweepRequest = Extract<Job, { job: "sweep" }>;

/** @param script of the worker processes that do the runs */
export async function doSweepJob(job: SweepRequest, script: string, context: JobContext): Promise<JobResult> {
  const { table, files } = await runSweep({ file: job.sweep, runner: await runnerOf(job, script) }, context);
  return { job: "sweep", table, files };
}

async function runnerOf({ queue, memoryBytes, runtime }: SweepRequest, script: string): Promise<JobRunner> {
  if (queue === undefined) return localRunner({ script, runtime, memoryBytes });
  // Loaded where it is needed: most sweeps have no queue.
  const { queueRunner } = await import("../queue/queueRunner.ts");
  return queueRunner({ address: queue });
}
