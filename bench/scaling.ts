/**
 * @file Time against images, steps, channels, resolution and threads, and the share of the matrix product's speed that each training step reaches:
 * `node bench/run.mjs scaling [--lines FILE] [--threads 1,2] [PART…]`. Parts: `peak` (the greatest speed of ONNX Runtime's float matrix product here, the
 * roofline), `shapes` (the blocks of bench/step/shapes.json), `channels`, `resolution` (a basic block), `images`, `steps` (whole runs of the bundled ResNet-20 at 2 bits,
 * by dist/cli.mjs, so build first), `plots` (docs/images/performance-*.svg and the tables, from all lines of FILE). Without parts: all, in that order.
 * A JSON line a figure, added to FILE; each step's time is the least of several tries, and tables and plots take the best line of each thing: start with
 * a new FILE after a change, or measure again with the same one on a busy machine.
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import { floatTensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import type { Runtime } from "../src/engine/runtime/runtime.ts";
import { runJson } from "./scaling/command.ts";
import { type Figure, parseFigures } from "./scaling/figures.ts";
import { plots, tables } from "./scaling/report.ts";
import { type BlockShape, prepareStep, stepOperations } from "./step/blockStep.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { lines: { type: "string", default: ".artifacts/scaling.jsonl" }, threads: { type: "string", default: "1,2" } },
});
const threadCounts = values.threads.split(",").map(Number);
const tries = 4;
const basic = (channels: number, size: number): BlockShape => ({
  name: `${channels}x${size}x${size}`,
  channels,
  size,
  layers: [
    { outputs: channels, kernel: 3, groups: 1, activation: "relu" },
    { outputs: channels, kernel: 3, groups: 1, activation: "none" },
  ],
  activation: "relu",
});

const parts: Readonly<Record<string, () => Promise<void>>> = {
  peak: () => eachRuntime(async (runtime) => record({ part: "peak", threads: runtime.threads, gflops: await matrixProductSpeed(runtime) })),
  shapes: () => timeShapes("shapes", JSON.parse(readFileSync("bench/step/shapes.json", "utf8")) as BlockShape[]),
  channels: () =>
    timeShapes(
      "channels",
      [8, 16, 32, 64, 128].map((channels) => basic(channels, 16)),
    ),
  resolution: () =>
    timeShapes(
      "resolution",
      [4, 8, 16, 32, 64].map((size) => basic(16, size)),
    ),
  images: () => timeRuns("images", [128, 256, 512, 1024], (images) => ({ images, steps: 25 })),
  steps: () => timeRuns("steps", [25, 50, 100, 200], (steps) => ({ images: 256, steps })),
  plots: drawPlots,
};

for (const part of positionals.length > 0 ? positionals : Object.keys(parts)) {
  const measure = parts[part];
  if (!measure) throw new Error(`No part is called ${part}; there are ${Object.keys(parts).join(", ")}.`);
  await measure();
}

function record(figure: Figure): void {
  mkdirSync(path.dirname(values.lines), { recursive: true });
  appendFileSync(values.lines, `${JSON.stringify(figure)}\n`);
  console.log(JSON.stringify(figure));
}

async function eachRuntime(measure: (runtime: Runtime) => Promise<void>): Promise<void> {
  for (const threads of threadCounts) await measure(await createRuntime({ threads }));
}

/** Least milliseconds of several tries of about a fifth of a second each. */
async function leastTime(time: (count: number) => Promise<number>): Promise<number> {
  const first = Math.min(await time(1), await time(1));
  const count = Math.max(1, Math.round(200 / first));
  const taken = [];
  for (let i = 0; i < tries; i++) taken.push(await time(count));
  return Math.min(...taken);
}

/** Billions of floating-point operations a second of [1024, 1024] x [1024, 1024], many in one call. */
async function matrixProductSpeed(runtime: Runtime): Promise<number> {
  const side = 1024;
  const b = new GraphBuilder();
  const factor = b.input("x", "float", [side, side]);
  let product = factor;
  const products = 8;
  for (let i = 0; i < products; i++) product = b.op("MatMul", [product, factor]);
  b.output(product, "y", "float", [side, side]);
  const session = await runtime.createSession(b.model({ opset: 17, irVersion: 8 }));
  const x = floatTensor(
    Float32Array.from({ length: side * side }, () => (Math.random() - 0.5) / 8),
    [side, side],
  );
  const milliseconds = await leastTime(async (count) => {
    const begin = performance.now();
    for (let i = 0; i < count; i++) await session.run({ x });
    return (performance.now() - begin) / count;
  });
  await session.release();
  return round((2 * side ** 3 * products) / milliseconds / 1e6);
}

async function timeShapes(part: "shapes" | "channels" | "resolution", shapes: readonly BlockShape[]): Promise<void> {
  await eachRuntime(async (runtime) => {
    for (const shape of shapes) {
      const step = await prepareStep(runtime, shape);
      const milliseconds = await leastTime((count) => step.time(count));
      await step.release();
      const { name, channels, size } = shape;
      const gflops = round(stepOperations(shape) / milliseconds / 1e6);
      record({ part, threads: runtime.threads, name, channels, size, milliseconds: round(milliseconds), gflops });
    }
  });
}

/** Whole runs of the bundled network. The first and the last layer are rounded to nearest, the nine blocks trained. */
async function timeRuns(part: "images" | "steps", counts: readonly number[], setting: (count: number) => { images: number; steps: number }) {
  const sample = "samples/cifar10-resnet20";
  const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-scaling-"));
  for (const threads of threadCounts) {
    for (const { images, steps } of counts.map(setting)) {
      const result = runJson("dist/cli.mjs", [
        ...["quantize", `${sample}/resnet20.onnx`, "--calibration", `${sample}/calibration`, "--count", `${images}`, "--steps", `${steps}`],
        ...["--weights", "2", "--threads", `${threads}`, "--output", path.join(folder, "quantized.onnx"), "--json"],
        ...["--input", JSON.stringify({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })],
      ]);
      record({ part, threads, images, steps, ...result });
    }
  }
  rmSync(folder, { recursive: true });
}

async function drawPlots(): Promise<void> {
  if (!existsSync(values.lines)) throw new Error(`${values.lines} is not there: measure first, with the same --lines.`);
  const figures = parseFigures(readFileSync(values.lines, "utf8"));
  for (const [name, svg] of plots(figures)) writeFileSync(`docs/images/performance-${name}.svg`, svg);
  console.log(tables(figures));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
