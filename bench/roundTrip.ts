/**
 * @file Exported networks in other hands: four networks of ../shared/models, rounded to nearest by the product's own runs and written in both formats, are
 * checked by onnx.checker with shape inference, run in ONNX Runtime for Node and for Python at each optimization level, in OpenVINO and in onnx's reference
 * evaluator, and compared with the simulated network on a real image. Prints one JSON line a file; `--markdown` adds the table of docs/reliability.md.
 * Python's packages come from the bench's own environment. Exits with 1 where a file is not as promised; bench/checkExport.py tells what that means.
 * Run: `node bench/run.mjs roundTrip [--only yolox] [--markdown]`
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Verification } from "../src/config/result.ts";
import { type InputConfig, inputSchema, type RunConfig, runSchema } from "../src/config/schema.ts";
import { openCalibration } from "../src/engine/data/dataset.ts";
import { writeNpy } from "../src/engine/data/npy.ts";
import { readActivations, readWeights } from "../src/engine/export/readQuantization.ts";
import { simulatedModel } from "../src/engine/export/simulate.ts";
import { writeExport } from "../src/engine/export/write.ts";
import { prepareNetwork } from "../src/engine/graph/prepare.ts";
import { loadModel } from "../src/engine/onnx/modelFile.ts";
import { floatTensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { primaryInput } from "../src/worker/data.ts";
import { quantizeRun } from "../src/worker/quantizeRun.ts";
import { preparePython } from "./roundTrip/pythonEnvironment.ts";
import { type CheckedFile, readChecks, roundTripTable } from "./roundTrip/table.ts";

const shared = resolve("../shared");
const networks = [
  { name: "ResNet-20", model: "cifar10_resnet20", images: "cifar10/calibration", input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } },
  {
    name: "MobileNetV2",
    model: "mobilenet_v2_100_224_dequant",
    images: "imagenet/calibration",
    input: { resize: [224, 224], scale: 127.5, mean: 1 },
  },
  {
    name: "EfficientNet-Lite0",
    model: "efficientnet_lite0",
    images: "imagenet/calibration",
    input: { resize: 256, crop: 224, scale: 128, mean: 0.9921875 },
  },
  {
    name: "YOLOX-Nano",
    model: "yolox_nano",
    images: "coco128/calibration/images",
    input: { resize: { letterbox: 416 }, scale: 1, channels: "BGR" },
  },
] as const;
const bits = [
  { weights: 8 },
  { weights: 4 },
  { weights: 3 },
  { weights: 2 },
  { weights: 4, activations: 8 },
  { weights: 8, activations: 8 },
] as const;
const formats = ["portable", "native"] as const;
/** Enough to find ranges of activations. */
const images = 16;

const { values: options } = parseArgs({ options: { only: { type: "string", default: "" }, markdown: { type: "boolean", default: false } } });
if (!existsSync(join(shared, "models"))) throw new Error(`The networks are missing: ${join(shared, "models")} does not exist.`);
const python = preparePython(resolve(".artifacts/roundTrip/venv"));
const runtime = await createRuntime({ threads: 2 });
const checked: CheckedFile[] = [];
for (const network of networks) if (network.model.includes(options.only)) await tryNetwork(network);
if (options.markdown) console.log(roundTripTable(checked));

async function tryNetwork({ name, model, images: folder, input }: (typeof networks)[number]): Promise<void> {
  const written = mkdtempSync(join(tmpdir(), "brecq-round-trip-"));
  try {
    const source = join(shared, "models", `${model}.onnx`);
    const config = { input: inputSchema.parse(input), calibration: { images: join(shared, "data", folder), count: images } } satisfies Data;
    const found = new Map<string, { run: RunConfig; node: readonly Verification[] }>();
    for (const own of bits) {
      for (const format of formats) {
        const run = runSchema.parse({ ...own, method: "nearest", export: format });
        const stem = `w${run.weights}a${run.activations}-${format}`;
        found.set(`${stem}.onnx`, { run, node: await exportOne({ source, config, run, output: join(written, `${stem}.onnx`) }) });
      }
    }
    const { stdout, stderr, status } = spawnSync(python, ["bench/checkExport.py", written, "--fp32", source, "--openvino"], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    const checks = readChecks(stdout);
    if (checks.length !== found.size) throw new Error(`bench/checkExport.py failed:\n${stderr}`);
    if (status !== 0) process.exitCode = 1;
    for (const [file, { run, node }] of found) {
      const python = checks.find((check) => check.file === file)!;
      checked.push({ network: name, weights: run.weights, activations: run.activations, format: run.export, node, python });
      console.log(JSON.stringify({ benchmark: "roundTrip", ...checked.at(-1) }));
    }
  } finally {
    rmSync(written, { recursive: true });
  }
}

interface Data {
  readonly input: InputConfig;
  readonly calibration: { readonly images: string; readonly count: number };
}

interface ExportSettings {
  readonly source: string;
  readonly config: Data;
  readonly run: RunConfig;
  readonly output: string;
}

/** Writes a quantized network, what it promises to compute, and an image; gives what ONNX Runtime for Node makes of it. */
async function exportOne({ source, config, run, output }: ExportSettings): Promise<readonly Verification[]> {
  const { verification } = await quantizeRun({
    runtime,
    model: source,
    config,
    folder: ".",
    runName: "round-trip",
    run,
    output,
    cacheBytes: 2 ** 30,
    report: () => undefined,
  });
  const network = await prepareNetwork(await loadModel(source), runtime);
  const exported = await loadModel(output);
  await writeExport(
    simulatedModel(network.graph, readWeights(exported, output), readActivations(exported, output)),
    output.replace(/onnx$/, "simulated.onnx"),
  );
  const dims = network.shapes.shapeOf(primaryInput(network).name, 1);
  const data = await openCalibration({ calibration: config.calibration, input: config.input, inputDims: dims, folder: ".", seed: run.seed });
  writeFileSync(output.replace(/onnx$/, "input.npy"), writeNpy(floatTensor(await data.read(0, 1), dims)));
  return verification;
}
