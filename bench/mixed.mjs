/**
 * @file Mixed precision beside uniform bits at equal size on ResNet-20 (the bundled sample), one JSON line a run: `node bench/mixed.mjs [--seeds 1] [--steps N]`.
 * For each of 4, 3 and 2 bits: the uniform run, then a search among 2, 4 and 8 bits under the size that its weights take in the native file.
 * In native files 3 bits take the space of 4. At the size of 2 bits everywhere no other choice fits.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../esbuild.mjs";

const { values } = parseArgs({ options: { seeds: { type: "string", default: "1" }, steps: { type: "string" } } });
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const sample = path.join(root, "samples/cifar10-resnet20");
const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-mixed-"));
const file = path.join(folder, "mixed.brecq.json");

await build();
for (let seed = 1005; seed < 1005 + Number(values.seeds); seed++) {
  for (const bits of [4, 3, 2]) {
    const uniform = run({ weights: bits, seed });
    const size = weightBytes(uniform);
    print(`w${bits}`, seed, uniform);
    print(`mixed at the size of w${bits}`, seed, run({ seed, search: { candidates: [2, 4, 8], limit: { size: `${size} B` } } }));
  }
}
rmSync(folder, { recursive: true });

function run(settings) {
  const config = {
    model: path.join(sample, "resnet20.onnx"),
    input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    calibration: { images: path.join(sample, "calibration") },
    evaluation: { images: path.join(sample, "evaluation") },
    runs: { run: { export: "native", ...(values.steps && { steps: Number(values.steps) }), ...settings } },
  };
  writeFileSync(file, JSON.stringify(config));
  const options = { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 2 ** 28 };
  return JSON.parse(execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), "run", file, "run", "--json"], options));
}

function weightBytes({ layers }) {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function print(name, seed, result) {
  const { metrics, search } = result;
  console.log(
    JSON.stringify({
      run: name,
      seed,
      fp32: metrics.fp32.top1,
      top1: metrics.quantized.top1,
      agreement: metrics.agreement,
      sqnr: metrics.sqnr,
      weightBytes: weightBytes(result),
      bits: search && Object.values(search.bits).join(" "),
      predictedLoss: search?.predictedLoss,
    }),
  );
}
