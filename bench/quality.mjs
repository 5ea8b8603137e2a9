/**
 * @file Accuracy of quantized networks, one JSON line a figure:
 * `node bench/quality.mjs [resnet20] [granularity] [activations] [imagenet] [imagenetActivations] [--seeds 3]`. `resnet20`, `activations` and
 * `granularity` (2 bits, what is reconstructed at once, and the loss) use the bundled sample (1,024 calibration and 2,000 evaluation
 * images of CIFAR-10); the others use ../shared (500 calibration and 650 evaluation images) and say so where that folder is missing.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../esbuild.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const shared = path.join(root, "..", "shared");
const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-bench-"));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const seeds = Number(process.argv[process.argv.indexOf("--seeds") + 1]) || 1;

const sample = path.join(root, "samples/cifar10-resnet20");
const cifar = {
  model: path.join(sample, "resnet20.onnx"),
  data: ["--calibration", path.join(sample, "calibration"), "--evaluation", path.join(sample, "evaluation")],
  input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
const imagenet = (file, input, options = []) => ({
  model: path.join(shared, "models", file),
  data: [
    ...["--calibration", path.join(shared, "data/imagenet/calibration"), "--count", "500"],
    ...["--evaluation", path.join(shared, "data/imagenet/evaluation"), "--classes", path.join(shared, "data/imagenet/synsets.txt"), ...options],
  ],
  input,
});
const mobilenet = imagenet("mobilenet_v2_100_224_dequant.onnx", { resize: [224, 224], scale: 127.5, mean: 1 }, ["--output-offset", "1"]);
const efficientnet = imagenet("efficientnet_lite0.onnx", { resize: 256, crop: 224, scale: 128, mean: 0.9921875 });

const activationSettings = [
  [4, 4],
  [2, 4],
  [3, 3],
  [2, 2],
  [4, 8],
  [8, 8],
];

const suites = {
  resnet20: [
    ...[4, 3, 2].map((bits) => ["resnet20", cifar, ["--weights", bits, "--method", "nearest"], 1]),
    ...[4, 3, 2].map((bits) => ["resnet20", cifar, ["--weights", bits], seeds]),
    ["resnet20", cifar, ["--weights", 2, "--method", "adaround"], seeds],
  ],
  granularity: ["layer", "block", "stage", "net"].flatMap((granularity) =>
    ["mse", "fisher"].map((loss) => ["resnet20", cifar, ["--weights", 2, "--granularity", granularity, "--loss", loss], seeds]),
  ),
  activations: activationSettings.flatMap(([weights, activations]) =>
    ["nearest", "brecq", "qdrop"].map((method) => [
      "resnet20",
      cifar,
      ["--weights", weights, "--activations", activations, "--method", method],
      method === "nearest" ? 1 : seeds,
    ]),
  ),
  imagenetActivations: [
    ["mobilenet_v2", mobilenet, [8, 4]],
    ["efficientnet_lite0", efficientnet, [8]],
  ].flatMap(([name, network, bits]) =>
    bits.flatMap((count) => ["brecq", "qdrop"].map((method) => [name, network, ["--weights", 4, "--activations", count, "--method", method], 1])),
  ),
  imagenet: [
    ["mobilenet_v2", mobilenet],
    ["efficientnet_lite0", efficientnet],
  ].flatMap(([name, network]) => [
    [name, network, ["--weights", 4, "--method", "nearest"], 1],
    [name, network, ["--weights", 4], 1],
    [name, network, ["--weights", 3], 1],
  ]),
};

await build();
for (const name of named.length > 0 ? named : Object.keys(suites)) {
  if (name.startsWith("imagenet") && !existsSync(shared)) console.error(name, "- the folder ../shared is missing, nothing is measured");
  else for (const [network, data, options, count] of suites[name]) measure(network, data, options.map(String), count);
}
rmSync(folder, { recursive: true });

function measure(network, { model, data, input }, options, count) {
  for (let seed = 0; seed < count; seed++) {
    const output = path.join(folder, "quantized.onnx");
    const args = [
      "quantize",
      model,
      ...data,
      "--input",
      JSON.stringify(input),
      ...options,
      "--seed",
      String(1005 + seed),
      "--output",
      output,
      "--json",
    ];
    const text = execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 2 ** 28,
    });
    const { metrics, seconds, peakMemoryBytes, size, blocks } = JSON.parse(text);
    console.log(
      JSON.stringify({
        network,
        options: options.join(" "),
        seed: 1005 + seed,
        fp32: metrics.fp32.top1,
        top1: metrics.quantized.top1,
        agreement: metrics.agreement,
        images: metrics.images,
        seconds: Math.round(seconds),
        steps: blocks[0]?.steps,
        peakMemoryMiB: Math.round(peakMemoryBytes / 2 ** 20),
        bytes: size.quantizedBytes,
      }),
    );
  }
}
