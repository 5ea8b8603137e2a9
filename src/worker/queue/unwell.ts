/** @file A worker whose machine is in trouble (a full disk, a folder that is not mounted) rests, so that others get the jobs. */
import type { Worker } from "bullmq";
import type { WorkerPresence } from "./registry.ts";

const firstRestMs = 5000;
const longestRestMs = 5 * 60_000;

export class Unwell {
  readonly #worker: Pick<Worker, "pause" | "resume">;
  readonly #presence: WorkerPresence;
  readonly #say: (line: string) => void;
  #restMs = firstRestMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(worker: Pick<Worker, "pause" | "resume">, presence: WorkerPresence, say: (line: string) => void) {
    this.#worker = worker;
    this.#presence = presence;
    this.#say = say;
  }

  /** Takes no jobs for a while, which is twice as long each time until a job goes well. */
  rest(problem: string): void {
    void this.#presence.setProblem(problem);
    if (this.#timer) return;
    this.#say(`${problem} No more jobs for ${this.#restMs / 1000} s.`);
    // Jobs that go on are not waited for.
    void this.#worker.pause(true);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#worker.resume();
    }, this.#restMs);
    this.#restMs = Math.min(longestRestMs, 2 * this.#restMs);
  }

  /** A job went well. */
  recovered(): void {
    this.#restMs = firstRestMs;
    void this.#presence.setProblem(undefined);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
