/**
 * @file A sweep of 24 jobs (3 models × 4 settings × 2 seeds) by three workers, of which one is killed in the middle of a job and one
 * stopped for longer than the stall time, while the server is restarted once: every job must end once, and every file be the one of
 * one machine alone. `npm run build && node bench/sweepChaos.mjs [--steps 20] [--images 64] [--stall 5]` prints one JSON line a figure and
 * exits with 1 where something did not hold. It needs ../shared/models, and valkey-server or redis-server.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeCifarSweep } from "./sweep/cifarSweep.mjs";
import { startServer } from "./sweep/server.mjs";

const { values } = parseArgs({
  options: { steps: { type: "string", default: "20" }, images: { type: "string", default: "64" }, stall: { type: "string", default: "5" } },
});
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const cli = path.join(root, "dist/cli.mjs");
const models = { folded: "cifar10_resnet20.onnx", bn: "cifar10_resnet20_bn.onnx", dynamo: "cifar10_resnet20_dynamo.onnx" };
const stallMs = Number(values.stall) * 1000;
const problems = [];
const workplace = mkdtempSync(path.join(tmpdir(), "brecq-chaos-"));
const server = await startServer();
const workers = [];
try {
  const alone = makeSweep("alone");
  const together = makeSweep("together");
  const begun = Date.now();
  const reference = await finished(["sweep", alone, "--workers", "1", "--threads", "1"]);
  if (reference.code !== 0) throw new Error(reference.stderr);
  figure("one machine, one worker", { seconds: since(begun) });

  const started = Date.now();
  for (let i = 0; i < 3; i++) workers.push(startWorker(i));
  const sweep = start(["sweep", together, "--queue", server.address]);
  const [killed, stopped] = workers;
  await killed.working();
  process.kill(killed.child.pid, "SIGKILL");
  figure("killed", { afterSeconds: since(started), job: killed.job() });
  await stopped.working();
  process.kill(-stopped.child.pid, "SIGSTOP");
  figure("stopped", { afterSeconds: since(started), job: stopped.job(), seconds: (4 * stallMs) / 1000 });
  await delay(4 * stallMs);
  process.kill(-stopped.child.pid, "SIGCONT");
  await server.restart(1000);
  figure("server restarted", { afterSeconds: since(started), downSeconds: 1 });
  const { code, stderr } = await sweep.ended;
  figure("three workers, troubled", { seconds: since(started), code });
  if (code !== 0) problems.push(`the sweep ended with ${code}: ${stderr.slice(-2000)}`);

  const ended = endedTimes(stderr);
  figure("jobs", { jobs: ended.size, endedOnce: [...ended.values()].filter((times) => times === 1).length });
  if (ended.size !== 24 || [...ended.values()].some((times) => times !== 1)) problems.push("not every job ended once");
  const completed = completedEvents();
  figure("completed on the queue", { jobs: completed.size, once: [...completed.values()].filter((times) => times === 1).length });
  if (completed.size !== 24 || [...completed.values()].some((times) => times !== 1)) problems.push("not every job was completed once");
  const resumed = runs().filter((run) => readFileSync(run.log(together), "utf8").includes('"resumed":true'));
  figure("resumed from a finished block", { jobs: resumed.length });
  const different = runs().filter(
    (run) => digest(run.model(alone)) !== digest(run.model(together)) || losses(run.result(alone)) !== losses(run.result(together)),
  );
  figure("files that differ from one machine's", { files: different.length, of: runs().length });
  for (const { name } of different) problems.push(`${name} differs`);
} finally {
  for (const { child } of workers) if (child.exitCode === null && child.signalCode === null) killGroup(child.pid);
  await server.close();
  rmSync(workplace, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function makeSweep(name) {
  const folder = path.join(workplace, name);
  mkdirSync(folder);
  const matrix = { weights: [2, 3], granularity: ["block", "stage"] };
  return writeCifarSweep(folder, Number(values.images), { models, settings: { steps: Number(values.steps) }, matrix, seeds: 2 });
}

function runs() {
  const settings = [2, 3].flatMap((bits) => ["", "-stage"].map((granularity) => `w${bits}-brecq${granularity}-steps${values.steps}`));
  return Object.keys(models).flatMap((model) =>
    settings.flatMap((setting) =>
      [1005, 1006].map((seed) => {
        const name = `${model}.results/${setting}-${seed}`;
        const at = (file) => (sweep) => path.join(path.dirname(sweep), "sweep.results", name, file);
        return { name, model: at("model.onnx"), result: at("result.json"), log: at("log.jsonl") };
      }),
    ),
  );
}

function start(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let stderr = "";
  child.stdout.resume();
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr })));
  return { child, ended, stderr: () => stderr };
}

function finished(args) {
  return start(args).ended;
}

function startWorker(index) {
  const worker = start(["worker", "--queue", server.address, "--concurrency", "1", "--stall", values.stall]);
  const job = () =>
    worker
      .stderr()
      .match(/[^\n]+(?=: started)/g)
      ?.at(-1);
  return {
    ...worker,
    index,
    job,
    /** Waits until a block of its job is finished. */
    async working() {
      const seen = job();
      while (job() === undefined || (job() === seen && !hasCheckpoint(job()))) await delay(20);
      while (!hasCheckpoint(job())) await delay(20);
    },
  };
}

function hasCheckpoint(job) {
  const [model, run] = job.split("/");
  try {
    return readFileSync(path.join(workplace, "together/sweep.results", `${model}.results`, run, "log.jsonl"), "utf8").includes('"block-end"');
  } catch {
    return false;
  }
}

function endedTimes(text) {
  const times = new Map();
  for (const [, job] of text.matchAll(/^\d+\/\d+ (\S+): (?:done|reused|failed|cancelled)/gm)) times.set(job, (times.get(job) ?? 0) + 1);
  return times;
}

/** By the server's own list of events. */
function completedEvents() {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const lines = server.command("--raw", "XRANGE", `bull:brecq-${version}:events`, "-", "+").split("\n");
  const times = new Map();
  for (const [i, line] of lines.entries()) {
    if (line !== "completed" || lines[i - 1] !== "event") continue;
    const id = lines[lines.indexOf("jobId", i) + 1];
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

function digest(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

function losses(file) {
  const { metrics, blocks } = JSON.parse(readFileSync(file, "utf8"));
  return JSON.stringify([metrics, blocks.map(({ name, loss }) => [name, loss])]);
}

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function since(time) {
  return (Date.now() - time) / 1000;
}

function figure(name, rest) {
  console.log(JSON.stringify({ bench: "sweepChaos", figure: name, ...rest }));
}
