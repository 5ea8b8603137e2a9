/**
 * @file Mixed precision beside uniform bits at equal size, one JSON line a run: `node bench/mixed.mjs [--network resnet20|mobilenet_v2] [--seeds 1] [--steps N] [--bits 4,3]`.
 * For 4 and 3 bits, the uniform run and a search among 2, 3, 4 and 8 bits under the same size. Size counts each weight with its bits, as accelerators with dense packing
 * and the paper do; native files, whose size is printed too, store 3 bits in 4. It is given to the search as a latency table. At the size of 2 bits everywhere no other choice fits.
 * ResNet-20 is the bundled sample; MobileNetV2 (500 + 650 images, 4 bits alone unless said otherwise) needs ../shared.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../esbuild.mjs";

const { values } = parseArgs({
  options: {
    network: { type: "string", default: "resnet20" },
    bits: { type: "string" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string" },
  },
});
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const sample = path.join(root, "samples/cifar10-resnet20");
const shared = path.join(root, "..", "shared");
const imagenet = path.join(shared, "data/imagenet");
const networks = {
  resnet20: {
    bits: [4, 3],
    model: path.join(sample, "resnet20.onnx"),
    input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    calibration: { images: path.join(sample, "calibration") },
    evaluation: { images: path.join(sample, "evaluation") },
  },
  mobilenet_v2: {
    bits: [4],
    model: path.join(shared, "models/mobilenet_v2_100_224_dequant.onnx"),
    input: { resize: [224, 224], scale: 127.5, mean: 1 },
    calibration: { images: path.join(imagenet, "calibration"), count: 500 },
    evaluation: { images: path.join(imagenet, "evaluation"), classes: path.join(imagenet, "synsets.txt"), outputOffset: 1 },
  },
};
const { bits: defaultBits, ...network } = networks[values.network];
const compared = values.bits ? values.bits.split(",").map(Number) : defaultBits;
const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-mixed-"));
const file = path.join(folder, "mixed.brecq.json");

if (!existsSync(network.model)) console.error(`${network.model} is missing: nothing is measured.`);
else await compare();
rmSync(folder, { recursive: true });

async function compare() {
  await build();
  const { layers } = JSON.parse(
    execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), "inspect", network.model, "--json"], { maxBuffer: 2 ** 28 }),
  );
  writeFileSync(path.join(folder, "size.json"), JSON.stringify({ name: "kilobytes of weights", entries: layers.flatMap(sizeEntries) }));
  for (let seed = 1005; seed < 1005 + Number(values.seeds); seed++) {
    for (const bits of compared) {
      const uniform = run({ weights: bits, seed });
      const size = uniform.layers.reduce((sum, layer) => sum + kilobytes(layer.shape, layer.weightBits), 0);
      print(`w${bits}`, seed, size, uniform);
      const search = { candidates: [2, 3, 4, 8], limit: { latency: size, table: "size.json" } };
      print(`mixed at the size of w${bits}`, seed, size, run({ seed, search }));
    }
  }
}

/** A layer's size at 2 and at 8 bits; between them a latency table goes in proportion. */
function sizeEntries({ op, shape, output }) {
  // In both networks a convolution with one channel a filter is a depthwise one.
  const group = shape[1] === 1 ? shape[0] : 1;
  return [2, 8].map((weights) => ({ op, shape, output: output.slice(1), group, weights, activations: "fp32", ms: kilobytes(shape, weights) }));
}

function kilobytes(shape, bits) {
  return (shape.reduce((product, dim) => product * dim, 1) * bits) / 8e3;
}

function run(settings) {
  const steps = values.steps ? { steps: Number(values.steps) } : {};
  writeFileSync(file, JSON.stringify({ ...network, runs: { run: { export: "native", ...steps, ...settings } } }));
  const options = { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 2 ** 28 };
  return JSON.parse(execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), "run", file, "run", "--json"], options));
}

function weightBytes({ layers }) {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function print(name, seed, denseKilobytes, result) {
  const { metrics, search, seconds } = result;
  console.log(
    JSON.stringify({
      run: name,
      seed,
      fp32: metrics.fp32.top1,
      top1: metrics.quantized.top1,
      agreement: metrics.agreement,
      sqnr: metrics.sqnr,
      denseKilobytes,
      weightBytes: weightBytes(result),
      bits: search && Object.values(search.bits).join(" "),
      predictedLoss: search?.predictedLoss,
      seconds: Math.round(seconds),
    }),
  );
}
