/**
 * @file Every network in ../shared/models through `brecq quantize`, one JSON line each with its figures or its error:
 * `node bench/allModels.mjs [--weights 4] [--activations none] [--steps 20] [--count 32] [--only NAME]`. Few steps and images
 * by default, so that all is done in minutes: it shows that each network passes, not how good it can be.
 * Without labels for a network, agreement and SQNR are measured on the calibration images.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../esbuild.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const shared = path.join(root, "..", "shared");
const imagenet = path.join(shared, "data/imagenet/calibration");
const cifar = path.join(shared, "data/cifar10/calibration");
const coco = path.join(shared, "data/coco128/calibration/images");
const torch = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** The images of each network, and its preprocessing as SOURCES.txt tells it. */
const networks = {
  "cifar10_resnet20.onnx": [cifar, torch],
  "cifar10_resnet20_bn.onnx": [cifar, torch],
  "cifar10_resnet20_dynamo.onnx": [cifar, torch],
  "deeplab_v3_1_default_1.onnx": [coco, { resize: [257, 257], scale: 127.5, mean: 1, layout: "NHWC" }],
  "efficientnet_lite0.onnx": [imagenet, { resize: 256, crop: 224, scale: 128, mean: 0.9921875 }],
  "mlperf_tiny_resnet8_cifar10.onnx": [cifar, { scale: 1 }],
  "mnist-8.onnx": [cifar, { resize: [28, 28], scale: 1, channels: "gray" }],
  "mobilenet_v1_025_224.onnx": [imagenet, { resize: 256, crop: 224, scale: 127.5, mean: 1 }],
  "mobilenet_v2_100_224_dequant.onnx": [imagenet, { resize: [224, 224], scale: 127.5, mean: 1 }],
  "resnet18_random.onnx": [imagenet, { resize: 256, crop: 224, ...torch }],
  "super_resolution.onnx": [coco, { resize: [224, 224], channels: "Y" }],
  "version-RFB-320.onnx": [coco, { resize: [240, 320], scale: 128, mean: 0.9921875 }],
  "yolox_nano.onnx": [coco, { resize: { letterbox: 416 }, scale: 1, channels: "BGR" }],
};

const { values } = parseArgs({
  options: {
    weights: { type: "string", default: "4" },
    activations: { type: "string", default: "none" },
    steps: { type: "string", default: "20" },
    count: { type: "string", default: "32" },
    only: { type: "string" },
  },
});

if (!existsSync(path.join(shared, "models"))) console.error("The folder ../shared/models is missing: nothing is measured.");
else await quantizeAll();

async function quantizeAll() {
  await build();
  const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-bench-"));
  const files = readdirSync(path.join(shared, "models")).filter((file) => file.endsWith(".onnx") && (!values.only || file.includes(values.only)));
  for (const file of files) {
    const figures = quantize(file, path.join(folder, "model.onnx"));
    if (figures.error) process.exitCode = 1;
    console.log(JSON.stringify({ network: file.replace(".onnx", ""), weights: values.weights, activations: values.activations, ...figures }));
  }
  rmSync(folder, { recursive: true });
}

function quantize(file, output) {
  if (!networks[file]) return { error: "this bench does not know its images: add it to `networks`" };
  const [images, input] = networks[file];
  const { weights, activations, steps, count } = values;
  const options = { calibration: images, count, weights, activations, steps, input: JSON.stringify(input), output, threads: "2" };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      path.join(root, "dist/cli.mjs"),
      "quantize",
      path.join(shared, "models", file),
      "--json",
      ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, value]),
    ],
    { encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  if (status !== 0) return { error: stderr.trim().split("\n").slice(-3).join(" ") };
  const { metrics, layers, verification, seconds } = JSON.parse(stdout);
  const round = (value) => value && Math.round(100 * value) / 100;
  const loads = verification.filter((level) => level.loads).map(({ level }) => level);
  return {
    agreement: round(metrics.agreement),
    sqnr: round(metrics.sqnr),
    images: metrics.images,
    layers: layers.length,
    loads,
    steps,
    seconds: round(seconds),
  };
}
