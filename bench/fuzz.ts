/**
 * @file Reads damaged and hostile files by the thousand, in child processes that are watched: none may crash, hang or compute over 10 s, read
 * outside the model's folder, end in anything but success or a UserError, or take more memory than a factor of the file.
 * `node bench/run.mjs fuzz [--models 20000] [--others 3000] [--seed 1]`; `--case KIND:SEED` repeats one case alone. Exits with 1 where
 * something did not hold. Networks come from ../shared/models.
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { type CaseResult, Cases, type Kind } from "./fuzz/cases.ts";

const secondsAllowed = 10;
/** By the clock, on a machine that others use too. */
const hangSeconds = 90;
/** Reading a file may take this many times its size, beyond what the garbage collector has not looked at yet. */
const readFactor = 8;
const readSlack = 64 * 2 ** 20;
/** Preparing runs the network, whose own values need memory; what a file of a few bytes asks for must still be bounded. */
const prepareLimit = 2 ** 30;
/** A fresh process now and then: its highest memory use so far hides smaller ones. */
const casesPerProcess = 500;

const { values } = parseArgs({
  options: {
    models: { type: "string", default: "20000" },
    others: { type: "string", default: "3000" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: "2" },
    case: { type: "string" },
    worker: { type: "boolean", default: false },
  },
});
const folders = {
  models: fileURLToPath(new URL("../../../shared/models", import.meta.url)),
  fixtures: fileURLToPath(new URL("../../test/fixtures", import.meta.url)),
};

if (values.worker) await serveCases();
else if (values.case) await repeat(values.case);
else await fuzz();

async function openCases(): Promise<Cases> {
  return new Cases(await createRuntime({ threads: 1 }), folders);
}

async function serveCases(): Promise<void> {
  const cases = await openCases();
  process.on("message", async ({ kind, seed }: { kind: Kind; seed: number }) => {
    if (seed % 10 === 0) globalThis.gc?.();
    process.send!(await cases.run(kind, seed));
  });
  process.on("disconnect", () => {
    cases.remove();
    process.exit(0);
  });
  process.send!("ready");
}

async function repeat(which: string): Promise<void> {
  const [kind, seed] = which.split(":");
  const cases = await openCases();
  console.log(await cases.run(kind as Kind, Number(seed)));
  cases.remove();
}

async function fuzz(): Promise<void> {
  if (!existsSync(folders.models)) throw new Error(`The networks are missing: ${folders.models}`);
  const [first, count, others] = [Number(values.seed), Number(values.models), Number(values.others)];
  const queue: [Kind, number][] = [];
  for (let i = 0; i < others; i++) for (const kind of ["image", "array", "config"] as const) queue.push([kind, first + i]);
  for (let i = 0; i < count; i++) queue.push(["onnx", first + i]);
  const found = new Map<Kind, CaseResult[]>();
  const problems: string[] = [];
  const add = (result: CaseResult) => {
    found.set(result.kind, [...(found.get(result.kind) ?? []), result]);
    const problem = problemOf(result);
    if (problem) report(`${result.kind}:${result.seed} (${result.what}, ${result.bytes} bytes): ${problem}`);
  };
  const report = (problem: string) => {
    problems.push(problem);
    console.error(problem);
  };
  await Promise.all(Array.from({ length: Number(values.processes) }, () => work(queue, add, report)));
  for (const [kind, results] of found) summarize(kind, results);
  console.log(JSON.stringify({ benchmark: "fuzz", name: "problems", count: problems.length }));
  process.exitCode = problems.length > 0 ? 1 : 0;
}

function problemOf({ end, message, seconds, bytes, readGrowth, prepareGrowth }: CaseResult): string | undefined {
  if (end === "defect") return message;
  if (end === "outside") return "read a file outside the folder";
  if (seconds > secondsAllowed) return `took ${seconds.toFixed(1)} s`;
  if (readGrowth > readFactor * bytes + readSlack) return `reading took ${megabytes(readGrowth)}`;
  return prepareGrowth > prepareLimit ? `preparing took ${megabytes(prepareGrowth)}` : undefined;
}

/** Hands cases to one process after the other, until there are none left. */
async function work(queue: [Kind, number][], add: (result: CaseResult) => void, report: (problem: string) => void): Promise<void> {
  while (queue.length > 0) {
    const child = fork(process.argv[1]!, ["--worker"], { execArgv: ["--expose-gc"] });
    await answer(child);
    for (let i = 0; i < casesPerProcess && queue.length > 0; i++) {
      const [kind, seed] = queue.pop()!;
      child.send({ kind, seed });
      const result = await answer(child, hangSeconds);
      if (typeof result === "string") {
        report(`${kind}:${seed}: ${result}`);
        break;
      }
      add(result);
      // Its memory hides what the next cases take.
      if (result.prepareGrowth > 2 ** 28) break;
    }
    child.disconnect?.();
    child.kill("SIGKILL");
  }
}

/** The child's next message, or what became of it. */
function answer(child: ChildProcess, seconds = 60): Promise<CaseResult | string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(`no end after ${seconds} s`), 1000 * seconds);
    const onExit = (code: number | null, signal: string | null) => end(`the process ended with ${signal ?? code}`);
    const end = (result: CaseResult | string) => {
      clearTimeout(timer);
      child.off("exit", onExit);
      child.off("message", end);
      resolve(result);
    };
    child.once("exit", onExit);
    child.once("message", end);
  });
}

function summarize(kind: Kind, results: readonly CaseResult[]): void {
  const count = (end: CaseResult["end"]) => results.filter((result) => result.end === end).length;
  const largest = (value: (result: CaseResult) => number) => results.reduce((most, result) => Math.max(most, value(result)), 0);
  console.log(
    JSON.stringify({
      benchmark: "fuzz",
      name: kind,
      files: results.length,
      accepted: count("accepted"),
      refused: count("refused"),
      defects: count("defect"),
      readOutside: count("outside"),
      mostProcessorSeconds: Number(largest(({ seconds }) => seconds).toFixed(2)),
      mostMemoryToRead: megabytes(largest(({ readGrowth }) => readGrowth)),
      mostMemoryToPrepare: megabytes(largest(({ prepareGrowth }) => prepareGrowth)),
    }),
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
