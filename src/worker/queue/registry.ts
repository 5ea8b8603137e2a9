/** @file Which workers there are: each keeps a short-lived note of itself on the server. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import { z } from "zod";
import { brecqVersion } from "../version.ts";
import { versionsKey } from "./queueJob.ts";

const prefix = "brecq:worker:";
const renewMs = 10_000;
const lifetimeSeconds = 35;

const noteSchema = z.object({ place: z.string(), version: z.string(), problem: z.string().optional() });
export type WorkerNote = z.infer<typeof noteSchema>;

/** The note of one worker; it goes with {@link WorkerPresence.close}, or by itself when the worker dies. */
export class WorkerPresence {
  readonly place = `${hostname()}:${process.pid}`;
  readonly #client: Redis;
  readonly #key = `${prefix}${randomUUID()}`;
  readonly #timer: NodeJS.Timeout;
  #problem: string | undefined;

  constructor(client: Redis) {
    this.#client = client;
    this.#timer = setInterval(() => void this.#write(), renewMs);
    void this.#write();
  }

  /** What keeps this worker from working, for the submitter to show. */
  async setProblem(problem: string | undefined): Promise<void> {
    if (problem === this.#problem) return;
    this.#problem = problem;
    await this.#write();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.del(this.#key).catch(() => 0);
  }

  async #write(): Promise<void> {
    const note: WorkerNote = { place: this.place, version: brecqVersion, problem: this.#problem };
    await this.#client.set(this.#key, JSON.stringify(note), "EX", lifetimeSeconds).catch(() => undefined);
  }
}

/** The notes of all workers, of whatever version. */
export async function readWorkers(client: Redis): Promise<WorkerNote[]> {
  const keys: string[] = [];
  let cursor = "0";
  do {
    const [next, found] = await client.scan(cursor, "MATCH", `${prefix}*`, "COUNT", 1000);
    keys.push(...found);
    cursor = next;
  } while (cursor !== "0");
  if (keys.length === 0) return [];
  const notes = await client.mget([...new Set(keys)]);
  return notes.flatMap((text) => parseNote(text) ?? []);
}

/** Keeps that jobs of this version were submitted. */
export async function noteSubmission(client: Redis): Promise<void> {
  await client.hset(versionsKey, brecqVersion, new Date().toISOString());
}

/** Other versions that jobs were submitted with. */
export async function otherVersions(client: Redis): Promise<string[]> {
  return (await client.hkeys(versionsKey)).filter((version) => version !== brecqVersion);
}

function parseNote(text: string | null): WorkerNote | undefined {
  try {
    return text === null ? undefined : noteSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
