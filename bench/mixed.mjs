/**
 * @file Mixed precision beside uniform bits at equal size, one JSON line a run: `node bench/mixed.mjs [--network resnet20|mobilenet_v2] [--seeds 1] [--steps N]`.
 * Uniform runs of 4, 3 and 2 bits, and searches among 2, 4 and 8 bits under the size of the first two. Native files store 3 bits in 4, so the size of 3 bits everywhere
 * is taken for what a dense packing would need: half-way between those of 2 and 4 bits. At the size of 2 bits everywhere no other choice fits.
 * ResNet-20 is the bundled sample; MobileNetV2 (500 + 650 images, 4 bits alone unless `--bits 4,3,2`) needs ../shared.
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
    bits: [4, 3, 2],
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
  for (let seed = 1005; seed < 1005 + Number(values.seeds); seed++) {
    const sizes = new Map([4, 2].map((bits) => [bits, weightBytes(run({ method: "nearest", weights: bits, seed }))]));
    sizes.set(3, (sizes.get(4) + sizes.get(2)) / 2);
    for (const bits of compared) {
      print(`w${bits}`, seed, sizes.get(bits), run({ weights: bits, seed }));
      if (bits === 2) continue;
      const search = { candidates: [2, 4, 8], limit: { size: `${Math.floor(sizes.get(bits))} B` } };
      print(`mixed at the size of w${bits}`, seed, sizes.get(bits), run({ seed, search }));
    }
  }
}

function run(settings) {
  const steps = values.steps && settings.method !== "nearest" ? { steps: Number(values.steps) } : {};
  writeFileSync(file, JSON.stringify({ ...network, runs: { run: { export: "native", ...steps, ...settings } } }));
  const options = { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 2 ** 28 };
  return JSON.parse(execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), "run", file, "run", "--json"], options));
}

function weightBytes({ layers }) {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function print(name, seed, packedBytes, result) {
  const { metrics, search, seconds } = result;
  console.log(
    JSON.stringify({
      run: name,
      seed,
      fp32: metrics.fp32.top1,
      top1: metrics.quantized.top1,
      agreement: metrics.agreement,
      sqnr: metrics.sqnr,
      packedBytes,
      weightBytes: weightBytes(result),
      bits: search && Object.values(search.bits).join(" "),
      predictedLoss: search?.predictedLoss,
      seconds: Math.round(seconds),
    }),
  );
}
