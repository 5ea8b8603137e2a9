/**
 * @file Checks what measured sensitivities predict: the rank correlation (Spearman) between predicted and true loss of random assignments of 2, 4
 * and 8 bits, ends of the network at 8, on samples that nothing was fitted to. The true loss is that of the network with each layer's weights as the uniform
 * reconstruction at its bits has rounded them (`--truth rounded`), or of the network reconstructed anew at those bits (`--truth reconstructed`). `--network resnet20|mobilenet_v2` (the latter needs ../shared), `--assignments 30`, `--samples 256`,
 * `--steps 150`, `--seed 1005`, `--threads 2`. Prints one JSON line an assignment and one with the correlations. Run:
 * `npx esbuild bench/sensitivity.ts --bundle --platform=node --format=esm --external:onnxruntime-* --external:sharp --outfile=dist/bench/sensitivity.mjs && node dist/bench/sensitivity.mjs`
 */
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { predictLoss } from "../src/config/predictLoss.ts";
import { inputSchema, runSchema } from "../src/config/schema.ts";
import type { Sensitivity } from "../src/config/sensitivity.ts";
import { type Dataset, openCalibration } from "../src/engine/data/dataset.ts";
import { createRandom, integerBelow, type Random } from "../src/engine/data/random.ts";
import { type Network, prepareNetwork } from "../src/engine/graph/prepare.ts";
import { loadModel } from "../src/engine/onnx/modelFile.ts";
import { floatData, floatTensor, type Tensor } from "../src/engine/onnx/tensor.ts";
import { type BitPlan, planBits } from "../src/engine/quantizers/bitPlan.ts";
import { weightConstants } from "../src/engine/quantizers/weightQuantization.ts";
import { type ActivationCache, CacheStore } from "../src/engine/reconstruction/activationCache.ts";
import { quantizeByReconstruction } from "../src/engine/reconstruction/quantizeNetwork.ts";
import { release, runSegment } from "../src/engine/reconstruction/runSegment.ts";
import { shortSchedule } from "../src/engine/reconstruction/schedule.ts";
import { boundary } from "../src/engine/reconstruction/segments.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { measureSensitivity } from "../src/engine/sensitivity/measureSensitivity.ts";
import { rankCorrelation } from "../test/support/rankCorrelation.ts";

const candidates = [2, 4, 8];
const { values } = parseArgs({
  options: {
    network: { type: "string", default: "resnet20" },
    truth: { type: "string", default: "rounded" },
    assignments: { type: "string", default: "30" },
    samples: { type: "string", default: "256" },
    steps: { type: "string", default: "150" },
    seed: { type: "string", default: "1005" },
    threads: { type: "string", default: "2" },
  },
});
const [samples, steps, seed] = [values.samples, values.steps, values.seed].map(Number) as [number, number, number];
const networks = {
  resnet20: {
    folder: "samples/cifar10-resnet20",
    model: "resnet20.onnx",
    images: "calibration",
    input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
  mobilenet_v2: {
    folder: "../shared",
    model: "models/mobilenet_v2_100_224_dequant.onnx",
    images: "data/imagenet/calibration",
    input: { resize: [224, 224], scale: 127.5, mean: 1 },
  },
};

const { folder, model, images, input } = networks[values.network as keyof typeof networks];
const runtime = await createRuntime({ threads: Number(values.threads) });
const network = await prepareNetwork(await loadModel(path.join(folder, model)), runtime);
const name = network.graph.inputs[0]!.name;
const data = await openCalibration({
  calibration: { images, count: 2 * samples },
  input: inputSchema.parse(input),
  inputDims: network.shapes.shapeOf(name, 1),
  folder: path.resolve(folder),
  seed,
});
const store = new CacheStore(4 * 2 ** 30, os.tmpdir());
const fitted = Math.min(samples, Math.floor(data.count / 2));
const fitting = await rows(data, 0, fitted);
const held = await rows(data, fitted, data.count - fitted);
const reference = await outputs(network, new Map());

const rounded = new Map<string, Tensor>();
let begin = performance.now();
const sensitivity = await measureSensitivity({
  runtime,
  network,
  model,
  fingerprint: "",
  candidates,
  changes: { load: async () => undefined, save: async () => {} },
  steps,
  seed,
  inputs: new Map([[name, fitting]]),
  samples: fitted,
  store,
  onRounded: (bits, weights) => {
    for (const [weight, tensor] of weights) rounded.set(`${bits} ${weight}`, tensor);
  },
  save: async () => {},
  report: () => {},
});
console.log(JSON.stringify({ network: values.network, samples: fitted, steps, seconds: seconds() }));

const random = createRandom(seed, 77);
const predicted: number[] = [];
const truth: Record<"output" | "divergence", number[]> = { output: [], divergence: [] };
for (let i = 0; i < Number(values.assignments); i++) {
  begin = performance.now();
  const bits = randomBits(network, random);
  const made = await outputs(network, values.truth === "reconstructed" ? await reconstructed(network, bits) : assembled(network, bits));
  predicted.push(predictLoss(sensitivity, numbersOf(bits)));
  truth.output.push(relativeError(reference, made));
  truth.divergence.push(divergence(reference, made, network));
  console.log(
    JSON.stringify({ assignment: i, predicted: predicted[i], output: truth.output[i], divergence: truth.divergence[i], seconds: seconds() }),
  );
}
console.log(
  JSON.stringify({
    network: values.network,
    truth: values.truth,
    assignments: predicted.length,
    seed,
    rankCorrelation: { output: rankCorrelation(predicted, truth.output), divergence: rankCorrelation(predicted, truth.divergence) },
    withoutCrossings: ablated({ ...sensitivity, crossings: [] }),
    layersAlone: ablated({ ...sensitivity, crossings: [], pairs: [] }),
  }),
);

/** Correlation with the outputs' errors where the prediction lacks some terms. */
function ablated(parts: Sensitivity): number {
  const again = createRandom(seed, 77);
  const alone = predicted.map(() => predictLoss(parts, numbersOf(randomBits(network, again))));
  return rankCorrelation(alone, truth.output);
}

async function rows(from: Dataset, start: number, count: number): Promise<ActivationCache> {
  const cache = store.create(count, from.dims);
  for (let at = 0; at < count; at += 32) cache.write(at, await from.read(start + at, Math.min(32, count - at)));
  return cache;
}

function randomBits(of: Network, from: Random): BitPlan {
  const plan = new Map(planBits(of, runSchema.parse({})));
  for (const layer of plan.keys()) {
    if (!of.firstLast.has(layer)) plan.set(layer, { weights: candidates[integerBelow(from, candidates.length)]!, activations: "fp32" });
  }
  return plan;
}

function numbersOf(plan: BitPlan): Map<string, number> {
  return new Map([...plan].map(([layer, { weights }]) => [layer, weights as number]));
}

function assembled(of: Network, bits: BitPlan): Map<string, Tensor> {
  return new Map(of.layers.map((layer) => [layer.weight, rounded.get(`${bits.get(layer.name)!.weights} ${layer.weight}`)!]));
}

async function reconstructed(of: Network, bits: BitPlan): Promise<Map<string, Tensor>> {
  const { weights } = await quantizeByReconstruction(
    { runtime, network: of, bits, report: () => {} },
    { granularity: "block", seed, schedule: (_, size) => shortSchedule(steps, size), inputs: new Map([[name, fitting]]), samples: fitted, store },
  );
  return weightConstants(weights);
}

/** The network's outputs for the samples that are held out. */
async function outputs(of: Network, constants: ReadonlyMap<string, Tensor>): Promise<Float32Array> {
  const nodes = of.graph.nodes;
  const segment = { nodes, ...boundary(of, nodes) };
  const made = await runSegment({ runtime, network: of, segment, inputs: [held], samples: held.samples, batch: 32, store, constants });
  const cached = made.get(of.graph.outputs[0]!.name) as ActivationCache;
  const copy = floatData(cached.read(0, held.samples)).slice();
  for (const value of made.values()) release(value);
  return copy;
}

function relativeError(expected: Float32Array, found: Float32Array): number {
  let [error, power] = [0, 0];
  expected.forEach((value, i) => {
    error += (value - found[i]!) ** 2;
    power += value ** 2;
  });
  return error / power;
}

function divergence(expected: Float32Array, found: Float32Array, of: Network): number {
  const classes = of.shapes.shapeOf(of.graph.outputs[0]!.name, 1)[1]!;
  let sum = 0;
  for (let start = 0; start < expected.length; start += classes) {
    const [p, q] = [expected, found].map((values) => logSoftmax(values.subarray(start, start + classes)));
    p!.forEach((value, i) => {
      sum += Math.exp(value) * (value - q![i]!);
    });
  }
  return (sum * classes) / expected.length;
}

function logSoftmax(values: Float32Array): Float32Array {
  const top = values.reduce((a, b) => Math.max(a, b));
  const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
  return floatTensor(values.map((value) => value - top - total)).data;
}

function seconds(): number {
  return Math.round((performance.now() - begin) / 1000);
}
