/** @file Jobs on this machine: as many at once as there are workers and memory for, each after those that it needs. */
import type { Progress } from "../../protocol/progress.ts";
import type { JobOutcome } from "./executeJob.ts";
import { overMemory } from "./overMemory.ts";
import type { SweepJob } from "./planSweep.ts";

/** What the pool asks to do a job. */
export type ExecuteJob = (
  job: SweepJob,
  context: { readonly signal: AbortSignal; readonly onMemory: (bytes: number) => void; readonly onProgress: (event: Progress) => void },
) => Promise<JobOutcome>;

/** Told to whoever shows the sweep. */
export type JobEvent =
  | { readonly type: "started"; readonly job: SweepJob; readonly place?: string | undefined }
  | { readonly type: "progress"; readonly job: SweepJob; readonly event: Progress }
  | { readonly type: "retried"; readonly job: SweepJob; readonly message: string }
  | { readonly type: "ended"; readonly job: SweepJob; readonly outcome: JobOutcome };

export interface PoolOptions {
  readonly workers: number;
  /** What all jobs may take together. */
  readonly memoryBytes: number;
  /** How often a job is tried whose machine failed it. */
  readonly attempts: number;
  readonly execute: ExecuteJob;
  readonly signal: AbortSignal;
  readonly onEvent: (event: JobEvent) => void;
}

interface Waiting {
  readonly job: SweepJob;
  readonly failures: number;
  /** Together with others it took too much memory. */
  readonly alone: boolean;
}

interface Running extends Waiting {
  readonly abort: AbortController;
  memoryBytes: number;
  /** Stopped to make room, and to be done again. */
  evicted: boolean;
}

/** Another process of this machine is doing the job: look again after this time. */
const heldDelayMs = 2000;

/** Does all jobs. One that fails takes those that need it with it, and no others. */
export async function runInPool(jobs: readonly SweepJob[], options: PoolOptions): Promise<void> {
  await new LocalPool(jobs, options).finished;
}

class LocalPool {
  readonly finished: Promise<void>;
  readonly #options: PoolOptions;
  #waiting: Waiting[];
  readonly #running = new Set<Running>();
  /** Jobs that have not ended. */
  readonly #open: Set<string>;
  /** The most memory that a job of each model and kind has taken so far. */
  readonly #peaks = new Map<string, number>();
  #finish: () => void = () => undefined;

  constructor(jobs: readonly SweepJob[], options: PoolOptions) {
    this.#options = options;
    this.#waiting = jobs.map((job) => ({ job, failures: 0, alone: false }));
    this.#open = new Set(jobs.map(({ id }) => id));
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const stop = () => this.#startAll();
    options.signal.addEventListener("abort", stop, { once: true });
    void this.finished.then(() => options.signal.removeEventListener("abort", stop));
    this.#startAll();
  }

  #startAll(): void {
    if (this.#options.signal.aborted) for (const { job } of this.#waiting.splice(0)) this.#end(job, { kind: "cancelled" });
    for (let next = this.#next(); next; next = this.#next()) void this.#run(next);
    if (this.#running.size === 0 && this.#waiting.length === 0) this.#finish();
  }

  /** The first job that may start now. */
  #next(): Waiting | undefined {
    const none = this.#running.size === 0;
    if (this.#running.size >= this.#options.workers || [...this.#running].some(({ alone }) => alone)) return undefined;
    return this.#waiting.find(({ job, alone }) => job.after.every((id) => !this.#open.has(id)) && (none || (!alone && this.#fits(job))));
  }

  #fits(job: SweepJob): boolean {
    const expected = (one: SweepJob) => this.#peaks.get(peakKey(one)) ?? 0;
    const taken = [...this.#running].reduce((sum, entry) => sum + Math.max(entry.memoryBytes, expected(entry.job)), 0);
    return taken + expected(job) <= this.#options.memoryBytes;
  }

  async #run(entry: Waiting): Promise<void> {
    const { execute, signal, onEvent } = this.#options;
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    const own: Running = { ...entry, abort: new AbortController(), memoryBytes: 0, evicted: false };
    this.#running.add(own);
    onEvent({ type: "started", job: own.job });
    const cancel = () => own.abort.abort();
    signal.addEventListener("abort", cancel, { once: true });
    const outcome = await execute(own.job, {
      signal: own.abort.signal,
      onMemory: (bytes) => this.#measured(own, bytes),
      onProgress: (event) => onEvent({ type: "progress", job: own.job, event }),
    });
    signal.removeEventListener("abort", cancel);
    this.#running.delete(own);
    this.#settle(own, outcome);
    this.#startAll();
  }

  #measured(own: Running, bytes: number): void {
    own.memoryBytes = bytes;
    this.#peaks.set(peakKey(own.job), Math.max(bytes, this.#peaks.get(peakKey(own.job)) ?? 0));
    const staying = [...this.#running].filter(({ evicted }) => !evicted);
    const youngest = overMemory(staying, this.#options.memoryBytes);
    if (!youngest) return;
    youngest.evicted = true;
    youngest.abort.abort();
  }

  #settle(own: Running, outcome: JobOutcome): void {
    const { job, failures } = own;
    const retry = outcome.kind === "failed" && outcome.reason === "machine" && failures + 1 < this.#options.attempts;
    if (outcome.kind === "done") this.#end(job, outcome);
    else if (this.#options.signal.aborted) this.#end(job, { kind: "cancelled" });
    else if (own.evicted)
      this.#again({ job, failures, alone: true }, "Together with others it took more memory than is allowed: it is done later, alone.");
    else if (outcome.kind === "failed" && outcome.reason === "held") this.#holdBack(own, outcome.message);
    else if (retry) this.#again({ job, failures: failures + 1, alone: true }, outcome.message);
    else this.#end(job, outcome);
  }

  #again(entry: Waiting, message: string): void {
    this.#options.onEvent({ type: "retried", job: entry.job, message });
    this.#waiting.push(entry);
  }

  /** Keeps its place meanwhile, so that the pool does not end. */
  #holdBack(own: Running, message: string): void {
    const place: Running = { ...own, memoryBytes: 0 };
    this.#running.add(place);
    setTimeout(() => {
      this.#running.delete(place);
      this.#again({ job: own.job, failures: own.failures, alone: false }, message);
      this.#startAll();
    }, heldDelayMs);
  }

  #end(job: SweepJob, outcome: JobOutcome): void {
    this.#open.delete(job.id);
    this.#options.onEvent({ type: "ended", job, outcome });
    if (outcome.kind === "done") return;
    const dependents = this.#waiting.filter((entry) => entry.job.after.includes(job.id));
    this.#waiting = this.#waiting.filter((entry) => !dependents.includes(entry));
    for (const dependent of dependents) this.#end(dependent.job, outcome);
  }
}

function peakKey({ model, kind }: SweepJob): string {
  return `${model}\0${kind}`;
}
