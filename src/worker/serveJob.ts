/** @file The worker's end of the protocol: one job, then the process ends. */
import { CancelledError, errorMessage, HeldError, UserError } from "../engine/errors.ts";
import type { ReportProgress } from "../protocol/progress.ts";
import { type FromWorker, type Job, type JobResult, toWorkerSchema } from "../protocol/worker.ts";
import { isMachineTrouble, machineError } from "./systemErrors.ts";

export type RunJob = (job: Job, context: { report: ReportProgress; signal: AbortSignal }) => Promise<JobResult>;

const heartbeatMs = 1000;

/**
 * Waits for `start`, runs the job, and sends what becomes of it. The process ends when the job does, or when the host
 * has gone: a worker never outlives its window.
 * @param versions versions of the program's parts, for the log
 */
export function serveJob(runJob: RunJob, versions: Record<string, string>): void {
  const abort = new AbortController();
  let started = false;
  setInterval(() => send({ type: "heartbeat", memoryBytes: process.memoryUsage.rss() }), heartbeatMs).unref();
  process.on("disconnect", () => process.exit(0));
  process.on("uncaughtException", (error) => finish(describeFailure(error)));
  process.on("unhandledRejection", (error) => finish(describeFailure(error)));
  process.on("message", (raw) => {
    const parsed = toWorkerSchema.safeParse(raw);
    if (!parsed.success) return finish(describeFailure(new Error(`The worker got a message that it does not know: ${parsed.error.message}`)));
    if (parsed.data.type === "cancel") return abort.abort();
    if (started) return finish(describeFailure(new Error("The worker was told to start twice.")));
    started = true;
    void work(parsed.data.job, runJob, abort.signal).then(finish);
  });
  send({ type: "ready", pid: process.pid, versions });
}

async function work(job: Job, runJob: RunJob, signal: AbortSignal): Promise<FromWorker> {
  try {
    const result = await runJob(job, { report: (event) => send({ type: "progress", event }), signal });
    return { type: "done", result };
  } catch (error) {
    if (error instanceof CancelledError) return { type: "cancelled", resumable: ["run", "sensitivity", "search", "sweep"].includes(job.job) };
    return describeFailure(error);
  }
}

function describeFailure(thrown: unknown): FromWorker {
  const error = machineError(thrown);
  if (error instanceof UserError) {
    const { file, line, node } = error.place;
    const reason = error instanceof HeldError ? "held" : isMachineTrouble(error) ? "machine" : undefined;
    return { type: "failed", message: error.message, hint: error.hint, file, line, node, expected: true, reason };
  }
  // Standard error goes to the output channel: the stack is for whoever reports the defect.
  console.error(error);
  return { type: "failed", message: errorMessage(error), expected: false };
}

/** Sends the last message and ends the process once it is on its way. */
function finish(message: FromWorker): void {
  if (!process.connected) process.exit(1);
  process.send?.(message, () => process.exit(0));
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}
