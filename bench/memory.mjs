/**
 * @file Peak resident memory of the first blocks of a large network: `node bench/memory.mjs MODEL.onnx IMAGES [--count 1024] [--blocks 3] [--steps 20] [--cache "512 MB"] [--precision single|half]
 * [--weights 4]`. Starts `brecq quantize`, ends it when so many blocks are reconstructed, and prints one JSON line: the peak of the process and the seconds
 * until then. The first block is the layer at the input. Memory does not depend on the number of steps. Linux only (the peak comes from /proc). dist/cli.mjs must be built; the images are resized to 256 and cropped to 224.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const option = (value) => ({ type: "string", default: value });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: option("1024"),
    blocks: option("3"),
    steps: option("20"),
    weights: option("4"),
    precision: option("single"),
    cache: { type: "string" },
  },
});
const [model, images] = positionals;
if (!model || !images) throw new Error("usage: node bench/memory.mjs MODEL.onnx IMAGES");

const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-memory-"));
const input = { resize: 256, crop: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const begin = performance.now();
const child = spawn(
  process.execPath,
  [
    ...[path.join(root, "dist/cli.mjs"), "quantize", model, "--calibration", images, "--count", values.count, "--steps", values.steps],
    ...[
      "--weights",
      values.weights,
      "--cache-precision",
      values.precision,
      "--input",
      JSON.stringify(input),
      "--output",
      path.join(folder, "quantized.onnx"),
      "--json",
    ],
    ...(values.cache ? ["--cache", values.cache] : []),
  ],
  { stdio: ["ignore", "ignore", "pipe"] },
);
let done = 0;
const last = [];
for await (const line of createInterface({ input: child.stderr })) {
  last.push(line);
  if (!/^Block \d+\/\d+ .*→/.test(line)) continue;
  done++;
  if (done < Number(values.blocks)) continue;
  const peakMiB = Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024);
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(JSON.stringify({ model: path.basename(model), ...values, peakMiB, seconds }));
  child.kill("SIGTERM");
  break;
}
if (done < Number(values.blocks)) throw new Error(`The run ended after ${done} blocks:\n${last.slice(-5).join("\n")}`);
await new Promise((resolve) => (child.exitCode ?? child.signalCode ?? child.once("exit", resolve)) && resolve());
rmSync(folder, { recursive: true });
