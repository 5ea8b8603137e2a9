import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Progress } from "../protocol/progress.ts";
import type { Job } from "../protocol/worker.ts";
import { startWorker, type WorkerOptions } from "./workerProcess.ts";

const folder = mkdtempSync(join(tmpdir(), "brecq-worker-"));
const script = join(folder, "fakeWorker.mjs");
const runtime = { provider: "cpu", threads: 1, backend: "auto" } as const;

beforeAll(async () => {
  const entry = join(import.meta.dirname, "../../test/extension/fixtures/fakeWorker.ts");
  await build({ entryPoints: [entry], bundle: true, platform: "node", format: "esm", outfile: script });
  writeFileSync(join(folder, "tiny.onnx"), "a model");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(job: Job, more: Partial<WorkerOptions> = {}) {
  const events: Progress[] = [];
  const log: string[] = [];
  const options = { script, nodePath: process.execPath, heartbeatLimitSeconds: 30, cancelLimitMs: 1000, ...more };
  const worker = startWorker(job, { ...options, onProgress: (event) => events.push(event), onLog: (line) => log.push(line) });
  return { worker, events, log };
}

const run = (name: string, resume = false): Job => ({ job: "run", config: join(folder, "a.brecq.json"), run: name, resume, runtime });

test("a run gives its progress and its result, and the process ends", async () => {
  const { worker, events, log } = start(run("w4"));
  const outcome = await worker.finished;
  expect(outcome).toMatchObject({ kind: "done", result: { job: "run", result: { run: "w4", metrics: { fp32: { top1: 81.03 } } } } });
  expect(events.filter((event) => event.type === "block-end")).toHaveLength(4);
  expect(log[0]).toContain("fake");
  expect(isAlive(worker.pid!)).toBe(false);
});

test("an error of the user's keeps its hint and place", async () => {
  writeFileSync(join(folder, "bad.onnx"), "broken");
  const { worker } = start({ job: "inspect", model: join(folder, "bad.onnx"), runtime });
  expect(await worker.finished).toMatchObject({ kind: "failed", expected: true, hint: "Export the network again.", file: join(folder, "bad.onnx") });
});

test("a defect is told as one, with its stack in the log", async () => {
  const { worker, log } = start(run("defect"));
  expect(await worker.finished).toMatchObject({ kind: "failed", expected: false, message: "undefined is not a tensor" });
  expect(log.join("\n")).toContain("TypeError");
});

test("a cancelled worker stops by itself", async () => {
  const { worker, events } = start(run("slow"));
  await until(() => events.some((event) => event.type === "step"));
  worker.cancel();
  expect(await worker.finished).toEqual({ kind: "cancelled" });
});

test("a worker that does not stop is killed", async () => {
  const { worker } = start(run("stubborn"), { cancelLimitMs: 300 });
  await delay(500);
  worker.cancel();
  expect(await worker.finished).toEqual({ kind: "cancelled" });
  expect(isAlive(worker.pid!)).toBe(false);
});

test("a worker that is killed is told as killed and resumes at its last block", async () => {
  expect(await start(run("crash")).worker.finished).toMatchObject({ kind: "crashed", reason: "killed" });
  const again = start(run("crash", true));
  expect(await again.worker.finished).toMatchObject({ kind: "done" });
  const ends = again.events.filter((event) => event.type === "block-end");
  expect(ends.map((event) => event.resumed)).toEqual([true, true, false, false]);
});

test("a native abort, an early exit and an unknown message are told apart", async () => {
  expect(await start(run("abort")).worker.finished).toMatchObject({ kind: "crashed", reason: "abort" });
  expect(await start(run("exit")).worker.finished).toMatchObject({ kind: "crashed", reason: "exit", message: expect.stringContaining("7") });
  expect(await start(run("garbage")).worker.finished).toMatchObject({ kind: "crashed", reason: "protocol" });
});

test("a worker that uses too much memory is ended", async () => {
  const { worker } = start(run("slow-hungry"), { memoryLimitBytes: 300 * 2 ** 20 });
  expect(await worker.finished).toMatchObject({ kind: "crashed", reason: "memory", message: expect.stringContaining("300 MiB") });
});

test("a worker without a sign of life is ended", async () => {
  const { worker } = start(run("stubborn"), { heartbeatLimitSeconds: 2 });
  expect(await worker.finished).toMatchObject({ kind: "crashed", reason: "unresponsive" });
});

test("a Node that is not there is told", async () => {
  const { worker } = start(run("w4"), { nodePath: join(folder, "no-node") });
  expect(await worker.finished).toMatchObject({ kind: "crashed", reason: "start", message: expect.stringContaining("no-node") });
});

test("a worker ends when its host has gone", async () => {
  const host = join(folder, "host.mjs");
  const job = JSON.stringify(run("slow-orphan"));
  writeFileSync(
    host,
    `import { fork } from "node:child_process";
     const child = fork(${JSON.stringify(script)}, [], { silent: true });
     child.send({ type: "start", job: ${job} });
     child.on("message", (m) => { if (m.type === "progress") { process.stdout.write(String(child.pid)); process.kill(process.pid, "SIGKILL"); } });`,
  );
  const { spawnSync } = await import("node:child_process");
  const pid = Number(spawnSync(process.execPath, [host]).stdout.toString());
  expect(pid).toBeGreaterThan(0);
  await until(() => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 200) throw new Error("it did not happen within 10 s");
    await delay(50);
  }
}
