/** @file What becomes of a sweep's jobs on a queue: from the server's events, and from the jobs themselves where events were missed. */
import type { Queue, QueueEvents } from "bullmq";
import type { JobOutcome } from "../sweep/executeJob.ts";
import type { JobEvent } from "../sweep/localPool.ts";
import type { SweepJob } from "../sweep/planSweep.ts";
import { queueProgressSchema, queueResultSchema } from "./queueJob.ts";

export interface FollowedOptions {
  readonly queue: Queue;
  readonly events: QueueEvents;
  readonly jobs: readonly SweepJob[];
  /** Ids on the queue by the jobs' own. */
  readonly ids: ReadonlyMap<string, string>;
  readonly onEvent: (event: JobEvent) => void;
}

/** The server's list of events is cut off at its end: what fell out of it, or came while it was away, is looked up. */
const lookEveryMs = 5000;
const looksAtOnce = 500;

export class FollowedJobs {
  /** Resolves when all jobs have ended. */
  readonly finished: Promise<void>;
  readonly #options: FollowedOptions;
  readonly #jobs: ReadonlyMap<string, SweepJob>;
  /** Jobs that have not ended, by their own id. */
  readonly #open: Set<string>;
  readonly #started = new Set<string>();
  readonly #byQueueId: ReadonlyMap<string, SweepJob>;
  readonly #timer: NodeJS.Timeout;
  #finish: () => void = () => undefined;

  constructor(options: FollowedOptions) {
    this.#options = options;
    const { jobs, ids, events } = options;
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
    this.#open = new Set(this.#jobs.keys());
    this.#byQueueId = new Map(jobs.map((job) => [ids.get(job.id)!, job]));
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    events.on("progress", ({ jobId, data }) => this.#progressed(jobId, data));
    events.on("completed", ({ jobId, returnvalue }) => this.#completed(jobId, returnvalue));
    events.on("failed", ({ jobId, failedReason }) => this.#failed(jobId, failedReason));
    this.#timer = setInterval(() => void this.#look().catch(() => undefined), lookEveryMs);
  }

  /** Ends a job, once. */
  end(id: string, outcome: JobOutcome): void {
    const job = this.#jobs.get(id);
    if (!job || !this.#open.delete(id)) return;
    this.#options.onEvent({ type: "ended", job, outcome });
    if (outcome.kind === "done") this.#endNeeded(job);
    else this.#endDependents(job, outcome);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#finish();
  }

  /** What a job needed has been done where the job itself has, whoever told first. */
  #endNeeded({ after }: SweepJob): void {
    for (const id of after) this.end(id, { kind: "done", reused: false });
  }

  #endDependents({ id }: SweepJob, outcome: JobOutcome): void {
    for (const job of this.#options.jobs) if (job.after.includes(id)) this.end(job.id, outcome);
  }

  /** A measurement that is a child of several runs has a longer id there. */
  #jobOf(queueId: string): SweepJob | undefined {
    return this.#byQueueId.get(queueId) ?? this.#byQueueId.get(queueId.split("-")[0]!);
  }

  #progressed(queueId: string, data: unknown): void {
    const job = this.#jobOf(queueId);
    const { data: progress } = queueProgressSchema.safeParse(data);
    if (!job || !progress || !this.#open.has(job.id)) return;
    const { onEvent } = this.#options;
    const { state, message = "", place } = progress;
    if (state === "retried") {
      onEvent({ type: "retried", job, message: `${message} (${place})` });
      return;
    }
    if (state === "started" || !this.#started.has(job.id)) onEvent({ type: "started", job, place });
    this.#started.add(job.id);
    if (state === "going") onEvent({ type: "progress", job, event: { type: "phase", phase: "load", message } });
  }

  #completed(queueId: string, returned: unknown): void {
    const job = this.#jobOf(queueId);
    const { data } = queueResultSchema.safeParse(returned);
    if (job) this.end(job.id, { kind: "done", figures: data?.figures, reused: data?.reused ?? false });
  }

  #failed(queueId: string, message: string): void {
    const job = this.#jobOf(queueId);
    if (!job) return;
    this.end(job.id, message === "Cancelled." ? { kind: "cancelled" } : { kind: "failed", message, reason: "job" });
  }

  async #look(): Promise<void> {
    const { queue, ids } = this.#options;
    const some = [...this.#open].slice(0, looksAtOnce);
    for (const id of some) {
      const job = await queue.getJob(ids.get(id)!);
      if (job?.finishedOn === undefined) continue;
      if (job.failedReason) this.#failed(job.id!, job.failedReason);
      else this.#completed(job.id!, job.returnvalue);
    }
  }
}
