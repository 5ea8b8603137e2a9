/** @file A worker on a queue: takes jobs as long as it may, each in a process of its own, and gives back what it cannot do. */
import { setTimeout as delay } from "node:timers/promises";
import { DelayedError, type Job, Queue, UnrecoverableError, WaitingError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { errorMessage } from "../../engine/errors.ts";
import type { Progress } from "../../protocol/progress.ts";
import type { JobOutcome } from "../sweep/executeJob.ts";
import { progressText } from "../sweep/jobReports.ts";
import { overMemory } from "../sweep/overMemory.ts";
import type { SweepJob } from "../sweep/planSweep.ts";
import { brecqVersion } from "../version.ts";
import { connectQueue } from "./connect.ts";
import { cancelKey, type QueueJob, type QueueProgress, type QueueResult, queueJobSchema, queueName, queueNameOf } from "./queueJob.ts";
import { otherVersions, WorkerPresence } from "./registry.ts";
import { findSharedFolder } from "./sharedFolder.ts";
import { Unwell } from "./unwell.ts";

/** Does one job; the folder is the sweep's on this machine. */
export type ExecuteQueued = (
  job: SweepJob,
  context: {
    readonly folder: string;
    readonly minutes: number | undefined;
    readonly signal: AbortSignal;
    readonly onProgress: (event: Progress) => void;
    readonly onMemory: (bytes: number) => void;
  },
) => Promise<JobOutcome>;

export interface WorkerSettings {
  readonly address: string;
  /** Where the shared folder is on this machine; undefined: where the submitters have it. */
  readonly root: string | undefined;
  /** Jobs at once. */
  readonly concurrency: number;
  /** What they may take together. */
  readonly memoryBytes: number;
  /** After so long without a sign of life a job is taken over by another worker. */
  readonly stallSeconds: number;
  /** End when there is nothing left to do, instead of waiting for more. */
  readonly untilEmpty: boolean;
  readonly execute: ExecuteQueued;
  readonly signal: AbortSignal;
  /** One line for whoever looks at this worker. */
  readonly say: (line: string) => void;
}

const heldDelayMs = 5000;
const crowdedDelayMs = 10_000;
const progressEveryMs = 2000;
const lookForCancelsMs = 1000;
const lookForEndMs = 1000;
const looksBeforeEnd = 10;
/** A job may be taken over so often; its process ends with its worker, so that a job that kills its process is not stalled but failed. */
const mostStalls = 20;

interface Active {
  readonly abort: AbortController;
  readonly sweep: string;
  memoryBytes: number;
  /** Why it was stopped, where that was this worker's doing. */
  stopped?: "cancelled" | "crowded" | "lost";
}

/** Serves until the signal is aborted, or until the queue is empty where that is asked for. */
export async function serveQueue(settings: WorkerSettings): Promise<void> {
  const client = await connectQueue(settings.address);
  try {
    const server = new QueueServer(client, settings);
    await server.serve();
  } finally {
    client.disconnect();
  }
}

class QueueServer {
  readonly #client: Redis;
  readonly #settings: WorkerSettings;
  readonly #presence: WorkerPresence;
  readonly #active = new Map<string, Active>();
  readonly #worker: Worker<QueueJob, QueueResult>;
  readonly #unwell: Unwell;

  constructor(client: Redis, settings: WorkerSettings) {
    this.#client = client;
    this.#settings = settings;
    this.#presence = new WorkerPresence(client);
    const stallMs = settings.stallSeconds * 1000;
    this.#worker = new Worker<QueueJob, QueueResult>(queueName, (job, token) => this.#process(job, token), {
      connection: client,
      concurrency: settings.concurrency,
      lockDuration: stallMs,
      stalledInterval: stallMs,
      maxStalledCount: mostStalls,
      name: this.#presence.place,
    });
    this.#unwell = new Unwell(this.#worker, this.#presence, settings.say);
    // The connection comes back by itself.
    this.#worker.on("error", () => undefined);
    this.#worker.on("lockRenewalFailed", (ids) => {
      for (const id of ids) this.#stop(this.#active.get(id), "lost");
    });
    this.#worker.on("stalled", (id) => settings.say(`Job ${id} gave no sign of life, and is taken over.`));
  }

  async serve(): Promise<void> {
    const { signal, say, untilEmpty } = this.#settings;
    say(`Worker ${this.#presence.place}, version ${brecqVersion}: ${this.#settings.concurrency} at once.`);
    await this.#sayOtherVersions();
    const cancels = setInterval(() => void this.#lookForCancels().catch(() => undefined), lookForCancelsMs);
    try {
      await Promise.race([aborted(signal), ...(untilEmpty ? [this.#empty(signal)] : [])]);
      for (const { abort } of this.#active.values()) abort.abort();
      // Waits for what is being done: stopped jobs are given back.
      await this.#worker.close();
    } finally {
      clearInterval(cancels);
      this.#unwell.close();
      await this.#presence.close();
    }
  }

  async #process(job: Job<QueueJob, QueueResult>, token: string | undefined): Promise<QueueResult> {
    const { data } = queueJobSchema.safeParse(job.data);
    if (!data) throw new UnrecoverableError("The job on the queue is damaged.");
    if (data.version !== brecqVersion) {
      throw new UnrecoverableError(`The job is of brecq ${data.version}, and the worker ${this.#presence.place} of ${brecqVersion}.`);
    }
    if ((await this.#client.exists(cancelKey(data.sweep))) > 0) throw new UnrecoverableError("Cancelled.");
    const tell = this.#teller(job);
    const folder = await findSharedFolder(data.folder, data.sweep, this.#settings.root).catch((error: unknown) => errorIn(error));
    if (folder instanceof Error) {
      // Another worker may see it.
      this.#unwell.rest(folder.message);
      await tell("retried", folder.message);
      return await giveBack(job, token, 1000);
    }
    await tell("started");
    const active: Active = { abort: new AbortController(), sweep: data.sweep, memoryBytes: 0 };
    this.#active.set(job.id!, active);
    const outcome = await this.#settings
      .execute(data.job, {
        folder,
        minutes: data.minutes,
        signal: active.abort.signal,
        onProgress: (event) => tell.going(event),
        onMemory: (bytes) => this.#measured(active, bytes),
      })
      .finally(() => {
        // A job that was lost may be back here before its first attempt has quite ended.
        if (this.#active.get(job.id!) === active) this.#active.delete(job.id!);
      });
    return await this.#settle(outcome, { job, token, active, tell });
  }

  async #settle(outcome: JobOutcome, { job, token, active, tell }: Settling): Promise<QueueResult> {
    if (outcome.kind === "done") {
      this.#unwell.recovered();
      return { figures: outcome.figures, reused: outcome.reused };
    }
    if (active.stopped === "cancelled") throw new UnrecoverableError("Cancelled.");
    if (active.stopped === "lost") throw new Error("The job was taken over by another worker.");
    if (active.stopped === "crowded") {
      await tell("retried", "Together with others it took more memory than is allowed: it is done later.");
      return await giveBack(job, token, crowdedDelayMs);
    }
    if (this.#settings.signal.aborted) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    if (outcome.kind === "cancelled") throw new Error("Its process ended early.");
    if (outcome.reason === "job") throw new UnrecoverableError(outcome.message);
    await tell("retried", outcome.message);
    if (outcome.reason === "held") return await giveBack(job, token, heldDelayMs);
    this.#unwell.rest(outcome.message);
    throw new Error(outcome.message);
  }

  #stop(active: Active | undefined, why: NonNullable<Active["stopped"]>): void {
    if (!active || active.stopped) return;
    active.stopped = why;
    active.abort.abort();
  }

  #measured(own: Active, bytes: number): void {
    own.memoryBytes = bytes;
    const staying = [...this.#active.values()].filter(({ stopped }) => !stopped);
    const youngest = overMemory(staying, this.#settings.memoryBytes);
    if (!youngest) return;
    this.#stop(youngest, "crowded");
    this.#worker.concurrency = Math.max(1, this.#worker.concurrency - 1);
    this.#settings.say(`The memory is full: ${this.#worker.concurrency} at once from now on.`);
  }

  async #lookForCancels(): Promise<void> {
    const sweeps = [...new Set([...this.#active.values()].map(({ sweep }) => sweep))];
    for (const sweep of sweeps) {
      if ((await this.#client.exists(cancelKey(sweep))) === 0) continue;
      for (const active of this.#active.values()) if (active.sweep === sweep) this.#stop(active, "cancelled");
    }
  }

  /** A worker that was updated alone, or not updated, would otherwise wait in silence. */
  async #sayOtherVersions(): Promise<void> {
    for (const version of await otherVersions(this.#client)) {
      const queue = new Queue(queueNameOf(version), { connection: this.#client });
      queue.on("error", () => undefined);
      const waiting = await queue.getJobCountByTypes("waiting", "prioritized", "delayed");
      await queue.close();
      if (waiting > 0)
        this.#settings.say(
          `${waiting} jobs wait for workers of brecq ${version}, and this is ${brecqVersion}: install the same version on both sides.`,
        );
    }
  }

  /** Resolves when there has been nothing to do for a moment. */
  async #empty(signal: AbortSignal): Promise<void> {
    const queue = new Queue(queueName, { connection: this.#client });
    queue.on("error", () => undefined);
    for (let idle = 0; idle < looksBeforeEnd && !signal.aborted; ) {
      await delay(lookForEndMs, undefined, { signal }).catch(() => undefined);
      const left = await queue.getJobCountByTypes("waiting", "prioritized", "delayed", "active", "waiting-children").catch(() => 1);
      idle = left === 0 ? idle + 1 : 0;
    }
    await queue.close();
  }

  /** Tells of a job on the queue: its progress at most every two seconds. */
  #teller(job: Job): Teller {
    let last = 0;
    const tell = async (state: QueueProgress["state"], message?: string) => {
      this.#settings.say(`${job.data.job.id}: ${state}${message === undefined ? "" : `, ${message}`}`);
      await job.updateProgress({ place: this.#presence.place, state, message }).catch(() => undefined);
    };
    const going = (event: Progress) => {
      const message = progressText(event);
      if (message === undefined || Date.now() - last < progressEveryMs) return;
      last = Date.now();
      void job.updateProgress({ place: this.#presence.place, state: "going", message }).catch(() => undefined);
    };
    return Object.assign(tell, { going });
  }
}

type Teller = ((state: QueueProgress["state"], message?: string) => Promise<void>) & { readonly going: (event: Progress) => void };

interface Settling {
  readonly job: Job<QueueJob, QueueResult>;
  readonly token: string | undefined;
  readonly active: Active;
  readonly tell: Teller;
}

/** Puts a job back for any worker, after a while. It counts as no failure. */
async function giveBack(job: Job, token: string | undefined, delayMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + delayMs, token);
  throw new DelayedError();
}

function errorIn(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorMessage(error));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
