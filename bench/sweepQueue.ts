/**
 * @file What the queue costs: 10,000 jobs that do nothing, by workers in this process.
 * `npx esbuild bench/sweepQueue.ts --bundle --platform=node --format=cjs --main-fields=module,main --external:{msgpackr-extract,pg,redis,bullmq-otel,@valkey/valkey-glide,onnxruntime-node,onnxruntime-web,sharp} --outfile=dist/bench/sweepQueue.cjs && node --expose-gc dist/bench/sweepQueue.cjs [--jobs 10000]`
 * prints one JSON line a figure: milliseconds a job beside what a plan costs, the worker's memory as the jobs go by, and the server's.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { queueRunner } from "../src/worker/queue/queueRunner.ts";
import { serveQueue } from "../src/worker/queue/serveQueue.ts";
import { finishedFigures } from "../src/worker/sweep/finishedRun.ts";
import type { SweepJob } from "../src/worker/sweep/planSweep.ts";
import { type BenchServer, startServer } from "./sweep/server.mjs";

const { values } = parseArgs({ options: { jobs: { type: "string", default: "10000" } } });
const count = Number(values.jobs);

void main();

async function main(): Promise<void> {
  const server = await startServer();
  const folder = mkdtempSync(join(tmpdir(), "brecq-bench-"));
  mkdirSync(join(folder, "s.results"));
  try {
    await drain(server, folder);
    await operations(server.port);
    await gathering(folder);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function drain({ address, memoryBytes: serverMemory, processorSeconds, commands }: BenchServer, folder: string): Promise<void> {
  const abort = new AbortController();
  let done = 0;
  const heap: { jobs: number; heapMegabytes: number; residentMegabytes: number }[] = [];
  const sample = () => {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    heap.push({ jobs: done, heapMegabytes: heapUsed / 2 ** 20, residentMegabytes: rss / 2 ** 20 });
  };
  const served = serveQueue({
    address,
    root: undefined,
    concurrency: 2,
    memoryBytes: 1e12,
    stallSeconds: 30,
    untilEmpty: false,
    signal: abort.signal,
    say: () => undefined,
    execute: async () => {
      done++;
      if (done % (count / 10) === 0) sample();
      return { kind: "done", reused: false };
    },
  });
  const jobs = Array.from({ length: count }, (_, i): SweepJob => {
    const id = `net/run${i}`;
    return { id, kind: "run", config: "s.results/net.brecq.json", run: id, model: "net", settings: "s", basis: "b", after: [] };
  });
  const before = serverMemory();
  const [processor, commandsBefore] = [processorSeconds(), commands()];
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, serverMemory());
  }, 1000);
  const ends = new Map<string, number>();
  const begun = performance.now();
  const settings = { attempts: 3, priority: 100, minutes: undefined, memoryBytes: undefined, signal: abort.signal, report: () => undefined };
  await queueRunner({ address }).run(
    { folder, target: "s.results", jobs, outcomes: new Map() },
    { ...settings, onEvent: (event) => void (event.type === "ended" && ends.set(event.job.id, (ends.get(event.job.id) ?? 0) + 1)) },
  );
  const milliseconds = performance.now() - begun;
  clearInterval(watch);
  figure("submitting, doing and following", { jobs: count, seconds: milliseconds / 1000, millisecondsAJob: milliseconds / count });
  figure("the server, a job", {
    processorMilliseconds: (1000 * (processorSeconds() - processor)) / count,
    commands: (commands() - commandsBefore) / count,
  });
  figure("ended once", { jobs: [...ends.values()].filter((times) => times === 1).length });
  for (const entry of heap) figure("memory of submitter and worker, in one process", entry);
  figure("memory of the server", { beforeMegabytes: before / 2 ** 20, mostMegabytes: most / 2 ** 20, afterMegabytes: serverMemory() / 2 ** 20 });
  abort.abort();
  await served;
}

/** Commands a second that the server takes, as a worker sends them. */
async function operations(port: number): Promise<void> {
  const client = new Redis({ port, host: "127.0.0.1" });
  const rounds = 20_000;
  const begun = performance.now();
  for (let i = 0; i < rounds; i += 1000) await Promise.all(Array.from({ length: 1000 }, (_, k) => client.set(`x${(i + k) % 1000}`, "y", "EX", 60)));
  figure("the server's commands a second", { value: rounds / ((performance.now() - begun) / 1000) });
  client.disconnect();
}

/** Finding a finished run: what a plan reads for each run that is there already. */
async function gathering(folder: string): Promise<void> {
  const runs = 1000;
  const curve = Array.from({ length: 100 }, (_, step) => ({ step, loss: 1 / (step + 1) }));
  const block = { name: "b", kind: "residual", layers: ["a"], loss: { before: 1, after: 0.5 }, steps: 1000, seconds: 1, curve };
  const layer = { name: "a", op: "Conv", block: "b", shape: [16, 16, 3, 3], parameters: 2304, weightBits: 2, activationBits: "fp32", bytes: 576 };
  const result = {
    run: "r",
    model: "m",
    config: {},
    metrics: { fp32: { top1: 80 }, quantized: { top1: 79 }, images: 100, source: "evaluation" },
    layers: Array.from({ length: 22 }, () => layer),
    blocks: Array.from({ length: 11 }, () => block),
    size: { fp32Bytes: 1e6, quantizedBytes: 3e5 },
    seconds: 1,
    peakMemoryBytes: 1e8,
    output: "o",
    seed: 1005,
    verification: [],
    warnings: [],
    versions: {},
  };
  const text = JSON.stringify(result, undefined, 2);
  const config = join(folder, "net.brecq.json");
  for (let i = 0; i < runs; i++) {
    mkdirSync(join(folder, `net.results/r${i}`), { recursive: true });
    writeFileSync(join(folder, `net.results/r${i}/result.json`), text);
    writeFileSync(join(folder, `net.results/r${i}/basis`), "b");
  }
  const begun = performance.now();
  for (let i = 0; i < runs; i++) await finishedFigures(config, `r${i}`, "b");
  figure("reading a finished run, from the page cache", { kilobytes: text.length / 1000, milliseconds: (performance.now() - begun) / runs });
}

function figure(name: string, rest: object): void {
  console.log(JSON.stringify({ bench: "sweepQueue", figure: name, ...rest }));
}
