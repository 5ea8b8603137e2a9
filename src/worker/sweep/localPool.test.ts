import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { JobOutcome } from "./executeJob.ts";
import { type ExecuteJob, type JobEvent, type PoolOptions, runInPool } from "./localPool.ts";
import type { SweepJob } from "./planSweep.ts";

const done: JobOutcome = { kind: "done", reused: false };

function job(id: string, after: string[] = []): SweepJob {
  return { id, kind: "run", config: "c", run: id, model: "net", settings: "s", basis: "b", after };
}

/** Runs jobs, and gives "id: kind" for each end, in order. */
async function ends(jobs: readonly SweepJob[], execute: ExecuteJob, own: Partial<PoolOptions> = {}): Promise<string[]> {
  const list: string[] = [];
  const onEvent = (event: JobEvent) => void (event.type === "ended" && list.push(`${event.job.id}: ${event.outcome.kind}`));
  await runInPool(jobs, { workers: 2, memoryBytes: 1000, attempts: 3, signal: new AbortController().signal, execute, onEvent, ...own });
  return list;
}

describe("the local pool", () => {
  it("does as many jobs at once as there are workers, in order, each after those that it needs", async () => {
    let running = 0;
    let most = 0;
    const started: string[] = [];
    const jobs = [job("a"), job("b", ["a"]), job("c"), job("d", ["b", "c"])];
    const list = await ends(jobs, async ({ id }) => {
      started.push(id);
      most = Math.max(most, ++running);
      await delay(20);
      running--;
      return done;
    });
    expect(most).toBe(2);
    expect(started).toEqual(["a", "c", "b", "d"]);
    expect(list.at(-1)).toBe("d: done");
  });

  it("takes dependents down with a job that failed, and no others", async () => {
    const jobs = [job("a"), job("b", ["a"]), job("c", ["b"]), job("d")];
    const list = await ends(jobs, async ({ id }) => (id === "a" ? { kind: "failed", message: "No.", reason: "job" } : done));
    expect(list.toSorted()).toEqual(["a: failed", "b: failed", "c: failed", "d: done"]);
  });

  it("tries a job again that its machine failed, as often as it may", async () => {
    const tries: string[] = [];
    const list = await ends([job("a"), job("b")], async ({ id }) => {
      tries.push(id);
      const healed = id === "b" && tries.filter((other) => other === "b").length === 2;
      return healed ? done : { kind: "failed", message: "The disk is full.", reason: "machine" };
    });
    expect(tries.filter((id) => id === "a")).toHaveLength(3);
    expect(tries.filter((id) => id === "b")).toHaveLength(2);
    expect(list.toSorted()).toEqual(["a: failed", "b: done"]);
  });

  it("stops the youngest where memory does not suffice, does it later alone, and then knows what such a job takes", async () => {
    let running = 0;
    let mostAfterwards = 0;
    const starts = new Map<string, number>();
    const execute: ExecuteJob = async ({ id }, { onMemory, signal }) => {
      running++;
      starts.set(id, (starts.get(id) ?? 0) + 1);
      await delay(10);
      onMemory(600);
      if (id !== "a" && id !== "b") mostAfterwards = Math.max(mostAfterwards, running);
      await delay(50, undefined, { signal }).catch(() => undefined);
      running--;
      return signal.aborted ? { kind: "cancelled" } : done;
    };
    const list = await ends([job("a"), job("b"), job("c"), job("d")], execute);
    expect(list).toHaveLength(4);
    expect(list.every((end) => end.endsWith(": done"))).toBe(true);
    expect(starts.get("a")).toBe(1);
    expect(starts.get("b")).toBe(2);
    expect(mostAfterwards).toBe(1);
  });

  it("ends everything when it is cancelled", async () => {
    const abort = new AbortController();
    const execute: ExecuteJob = async (_, { signal }) => {
      abort.abort();
      await delay(10_000, undefined, { signal }).catch(() => undefined);
      return { kind: "cancelled" };
    };
    expect((await ends([job("a"), job("b"), job("c")], execute, { workers: 1, signal: abort.signal })).toSorted()).toEqual([
      "a: cancelled",
      "b: cancelled",
      "c: cancelled",
    ]);
  });
});
