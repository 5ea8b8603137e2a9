/**
 * @file Two workers of one thread against one, on a queue: the same sweep of 8 runs of ResNet-20, in turns, with all processes counted.
 * `npm run build && node bench/sweepScaling.mjs [--rounds 3] [--steps 150] [--images 256]` prints one JSON line a round and the median of their ratios.
 * It needs two free cores, ../shared/models, and valkey-server or redis-server.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeCifarSweep } from "./sweep/cifarSweep.mjs";
import { startServer } from "./sweep/server.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, steps: { type: "string", default: "150" }, images: { type: "string", default: "256" } },
});
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const cli = path.join(root, "dist/cli.mjs");
const ratios = [];
for (let round = 0; round < Number(values.rounds); round++) {
  // In turns, so that a machine that slows down does not favour one of the two.
  const order = round % 2 === 0 ? [1, 2] : [2, 1];
  const seconds = {};
  for (const workers of order) seconds[workers] = await timed(workers);
  ratios.push(seconds[1] / seconds[2]);
  figure("round", { oneWorkerSeconds: seconds[1], twoWorkersSeconds: seconds[2], ratio: seconds[1] / seconds[2] });
}
figure("two workers against one, median", { ratio: ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] });

async function timed(count) {
  const folder = mkdtempSync(path.join(tmpdir(), "brecq-scaling-"));
  const server = await startServer();
  const workers = Array.from({ length: count }, () => start(["worker", "--queue", server.address, "--concurrency", "1", "--threads", "1"]));
  try {
    // Ready before the clock starts.
    await delay(3000);
    const begun = Date.now();
    const code = await start(["sweep", makeSweep(folder), "--queue", server.address]).ended;
    if (code !== 0) throw new Error(`the sweep ended with ${code}`);
    return (Date.now() - begun) / 1000;
  } finally {
    for (const { child } of workers) child.kill("SIGTERM");
    await Promise.all(workers.map(({ ended }) => ended));
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeSweep(folder) {
  const settings = { steps: Number(values.steps) };
  return writeCifarSweep(folder, Number(values.images), {
    models: { resnet20: "cifar10_resnet20.onnx" },
    settings,
    matrix: { weights: [2, 3] },
    seeds: 4,
  });
}

function start(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: "ignore" });
  return { child, ended: new Promise((resolve) => child.once("close", resolve)) };
}

function figure(name, rest) {
  console.log(JSON.stringify({ bench: "sweepScaling", figure: name, ...rest }));
}
