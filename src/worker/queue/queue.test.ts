import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../../test/support/fixtures.ts";
import { hasQueueServer, type QueueServer, startQueueServer } from "../../../test/support/queueServer.ts";
import type { Progress } from "../../protocol/progress.ts";
import type { JobOutcome } from "../sweep/executeJob.ts";
import type { JobEvent } from "../sweep/localPool.ts";
import type { SweepJob, SweepPlan } from "../sweep/planSweep.ts";
import { queueNameOf, versionsKey } from "./queueJob.ts";
import { queueRunner } from "./queueRunner.ts";
import { type ExecuteQueued, serveQueue, type WorkerSettings } from "./serveQueue.ts";

vi.setConfig({ testTimeout: 60_000 });

let server: QueueServer;
let address: string;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  if (!hasQueueServer) return;
  server = await startQueueServer();
  address = `redis://127.0.0.1:${server.port}`;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => server?.close());

function job(id: string, own: Partial<SweepJob> = {}): SweepJob {
  return { id, kind: "run", config: "s.results/net.brecq.json", run: id, model: "net", settings: "s", basis: "b", after: [], ...own };
}

function plan(jobs: readonly SweepJob[], folder = temporaryFolder()): SweepPlan {
  mkdirSync(join(folder, "s.results"), { recursive: true });
  return { folder, target: "s.results", jobs, outcomes: new Map() };
}

const done: JobOutcome = { kind: "done", reused: false };

/** A worker in this process; `lines` is what it says. */
function worker(execute: ExecuteQueued, own: Partial<WorkerSettings> = {}): { lines: string[]; stop: () => Promise<void> } {
  const abort = new AbortController();
  const lines: string[] = [];
  const served = serveQueue({
    address,
    root: undefined,
    concurrency: 1,
    memoryBytes: 1e12,
    stallSeconds: 5,
    untilEmpty: false,
    execute,
    signal: abort.signal,
    say: (line) => lines.push(line),
    ...own,
  });
  const stop = async () => {
    abort.abort();
    await served;
  };
  stops.push(stop);
  return { lines, stop };
}

interface Followed {
  /** "id: kind" for each end, in order. */
  readonly ends: string[];
  readonly messages: string[];
  readonly warnings: string[];
  readonly finished: Promise<void>;
}

function submit(
  own: SweepPlan,
  signal = new AbortController().signal,
  { attempts = 3, priority = 100, root = undefined as string | undefined } = {},
): Followed {
  const [ends, messages, warnings]: string[][] = [[], [], []];
  const onEvent = (event: JobEvent) => {
    if (event.type === "ended") ends!.push(`${event.job.id}: ${event.outcome.kind}`);
    if (event.type === "ended" && event.outcome.kind === "failed") messages!.push(event.outcome.message);
    if (event.type === "retried") messages!.push(event.message);
  };
  const report = (event: Progress) => void (event.type === "warning" && warnings!.push(event.message));
  const settings = { attempts, priority, minutes: undefined, memoryBytes: undefined };
  const finished = queueRunner({ address, root }).run(own, { ...settings, signal, report, onEvent });
  return { ends: ends!, messages: messages!, warnings: warnings!, finished };
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await delay(20);
}

describe.runIf(hasQueueServer)("jobs on a queue", () => {
  it("are done once each, by several workers, and those with a smaller priority number first", async () => {
    const order: string[] = [];
    const execute: ExecuteQueued = async ({ id }) => {
      order.push(id);
      await delay(5);
      return done;
    };
    const late = submit(plan(Array.from({ length: 20 }, (_, i) => job(`late${i}`))));
    await delay(500);
    const early = submit(plan([job("early")]), undefined, { priority: 1 });
    await delay(500);
    worker(execute);
    worker(execute);
    await Promise.all([late.finished, early.finished]);
    expect(order.indexOf("early")).toBeLessThan(3);
    expect(order.toSorted()).toEqual(["early", ...Array.from({ length: 20 }, (_, i) => `late${i}`)].toSorted());
    expect(late.ends).toHaveLength(20);
    expect(new Set(late.ends).size).toBe(20);
    expect(late.ends.every((end) => end.endsWith(": done"))).toBe(true);
  });

  it("wait for what they need, and fail with it and its reason", async () => {
    const order: string[] = [];
    worker(
      async ({ id }) => {
        order.push(id);
        return id === "bad:search" ? { kind: "failed", message: "No choice of bits can meet 1 B.", reason: "job" } : done;
      },
      { concurrency: 4 },
    );
    const after = (id: string, need: string, kind: SweepJob["kind"]) => job(id, { kind, after: [need] });
    const jobs = [
      job("m:sensitivity", { kind: "sensitivity" }),
      after("good:search", "m:sensitivity", "search"),
      after("good", "good:search", "run"),
      after("bad:search", "m:sensitivity", "search"),
      after("bad", "bad:search", "run"),
    ];
    const { ends, messages, finished } = submit(plan(jobs));
    await finished;
    expect(ends.toSorted()).toEqual(["bad:search: failed", "bad: failed", "good:search: done", "good: done", "m:sensitivity: done"].toSorted());
    expect(messages).toEqual(["No choice of bits can meet 1 B.", "No choice of bits can meet 1 B."]);
    expect(order.indexOf("m:sensitivity")).toBeLessThan(order.indexOf("good:search"));
    expect(order.indexOf("good:search")).toBeLessThan(order.indexOf("good"));
    expect(order).not.toContain("bad");
  });

  it("go to another worker when one has no disk left, which rests and says so in a sentence", async () => {
    const full = worker(async () => ({ kind: "failed", message: "The disk is full.", reason: "machine" }));
    await until(() => full.lines.length > 0);
    const { ends, messages, finished } = submit(plan([job("a"), job("b"), job("c")]));
    await until(() => full.lines.some((line) => line.startsWith("The disk is full. No more jobs for 5 s.")));
    worker(async () => done);
    await finished;
    expect(ends.toSorted()).toEqual(["a: done", "b: done", "c: done"]);
    expect(messages[0]).toMatch(/^The disk is full\. \(.+:\d+\)$/);
  });

  it("are tried as often as the sweep says where every machine fails", async () => {
    let tries = 0;
    worker(async () => {
      tries++;
      return { kind: "failed", message: "The disk is full.", reason: "machine" };
    });
    const { ends, finished, messages } = submit(plan([job("a")]), undefined, { attempts: 2 });
    await finished;
    expect(tries).toBe(2);
    expect(ends).toEqual(["a: failed"]);
    expect(messages.at(-1)).toBe("The disk is full.");
  });

  it("go to another worker when one does not see the sweep's folder", async () => {
    const blind = worker(async () => done, { root: temporaryFolder() });
    await until(() => blind.lines.length > 0);
    const own = plan([job("a"), job("b")]);
    const { ends, finished, messages } = submit(own);
    await until(() => blind.lines.some((line) => line.includes("does not see the sweep's folder")));
    worker(async (_, { folder }) => {
      expect(folder).toBe(own.folder);
      return done;
    });
    await finished;
    expect(ends.toSorted()).toEqual(["a: done", "b: done"]);
    expect(messages[0]).toMatch(/^The worker on .+ does not see the sweep's folder .+\./);
  });

  it("find the folder below the one that is shared, wherever that is mounted", async () => {
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const own = plan([job("a")], join(here, "team"));
    const followed = submit(own, undefined, { root: here });
    await delay(500);
    // The other mount shows the same files.
    mkdirSync(join(there, "team/s.results"), { recursive: true });
    const { readFileSync } = await import("node:fs");
    writeFileSync(join(there, "team/s.results/sweep-id"), readFileSync(join(here, "team/s.results/sweep-id")));
    const folders: string[] = [];
    worker(
      async (_, { folder }) => {
        folders.push(folder);
        return done;
      },
      { root: there },
    );
    await followed.finished;
    expect(folders).toEqual([join(there, "team")]);
  });

  it("stop when the sweep is cancelled: those that wait and those that go on", async () => {
    const stopped: string[] = [];
    const { lines } = worker(async ({ id }, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      stopped.push(id);
      return { kind: "cancelled" };
    });
    const abort = new AbortController();
    const { ends, finished } = submit(plan([job("a"), job("b"), job("c")]), abort.signal);
    await until(() => lines.includes("a: started"));
    abort.abort();
    await finished;
    expect(stopped).toEqual(["a"]);
    expect(ends.toSorted()).toEqual(["a: cancelled", "b: cancelled", "c: cancelled"]);
  });

  it("go back to the queue when their worker is stopped", async () => {
    const first = worker(async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return { kind: "cancelled" };
    });
    const { ends, finished } = submit(plan([job("a")]));
    await until(() => first.lines.includes("a: started"));
    await first.stop();
    worker(async () => done);
    await finished;
    expect(ends).toEqual(["a: done"]);
  });

  it("make room when they take too much memory together", async () => {
    const tries = new Map<string, number>();
    const { lines } = worker(
      async ({ id }, { onMemory, signal }) => {
        tries.set(id, (tries.get(id) ?? 0) + 1);
        onMemory(600);
        await delay(300, undefined, { signal }).catch(() => undefined);
        return signal.aborted ? { kind: "cancelled" } : done;
      },
      { concurrency: 2, memoryBytes: 1000 },
    );
    const { ends, finished } = submit(plan([job("a"), job("b")]));
    await finished;
    expect(ends.toSorted()).toEqual(["a: done", "b: done"]);
    expect([...tries.values()].toSorted()).toEqual([1, 2]);
    expect(lines).toContain("The memory is full: 1 at once from now on.");
  });

  it("wait in sight: no worker, or only workers of another version, is said to the submitter and to the worker", async () => {
    const client = new Redis({ port: server.port, host: "127.0.0.1" });
    stops.push(async () => client.disconnect());
    const abort = new AbortController();
    const lonely = submit(plan([job("a")]), abort.signal);
    await until(() => lonely.warnings.length > 0);
    expect(lonely.warnings[0]).toMatch(/^No worker is connected to the queue: start some with `brecq worker/);
    abort.abort();
    await lonely.finished;

    await client.set("brecq:worker:other", JSON.stringify({ place: "far:1", version: "9.9.9" }), "EX", 30);
    const abortOther = new AbortController();
    const other = submit(plan([job("a")]), abortOther.signal);
    await until(() => other.warnings.length > 0);
    expect(other.warnings[0]).toMatch(/^The queue's workers are of version 9\.9\.9, and this is .+: install the same version on both sides\.$/);
    abortOther.abort();
    await other.finished;
    await client.del("brecq:worker:other");

    await client.hset(versionsKey, "9.9.9", "now");
    await client.lpush(`bull:${queueNameOf("9.9.9")}:wait`, "1");
    const { lines } = worker(async () => done);
    await until(() => lines.length > 1);
    expect(lines[1]).toMatch(/^1 jobs wait for workers of brecq 9\.9\.9, and this is .+: install the same version on both sides\.$/);
  });

  it("that are damaged, or lead out of the folder, fail and touch nothing", async () => {
    const executed: string[] = [];
    worker(async ({ id }) => {
      executed.push(id);
      return done;
    });
    const { ends, messages, finished } = submit(plan([job("good"), job("bad", { config: "s.results/../../etc/passwd" })]));
    await finished;
    expect(ends.toSorted()).toEqual(["bad: failed", "good: done"]);
    expect(messages).toEqual(["The job on the queue is damaged."]);
    expect(executed).toEqual(["good"]);
  });
});
