/** @file One run from model and data to a verified quantized file with its metrics. */
import { dirname } from "node:path";
import type { Metrics, RunResult, Verification } from "../config/result.ts";
import { type Config, inputSchema, type RunConfig } from "../config/schema.ts";
import { quantizeDfq } from "../engine/baselines/dfq/dfq.ts";
import type { Dataset } from "../engine/data/dataset.ts";
import { guessInput } from "../engine/data/guessInput.ts";
import { UserError } from "../engine/errors.ts";
import { evaluate } from "../engine/evaluation/evaluate.ts";
import { activationBits } from "../engine/export/activationBits.ts";
import { exportModel } from "../engine/export/exportModel.ts";
import { faithfulLevel } from "../engine/export/faithfulLevel.ts";
import { requireKernels } from "../engine/export/kernels.ts";
import { simulatedModel } from "../engine/export/simulate.ts";
import { fileBytes } from "../engine/export/size.ts";
import { verifyExport } from "../engine/export/verify.ts";
import { type Network, prepareNetwork, requireLayers } from "../engine/graph/prepare.ts";
import { loadModel, saveModel } from "../engine/onnx/modelFile.ts";
import { floatTensor, sizeOf } from "../engine/onnx/tensor.ts";
import { type PlannedActivation, planActivations } from "../engine/quantizers/activationPlan.ts";
import { type BitPlan, planBits } from "../engine/quantizers/bitPlan.ts";
import { type ActivationCache, CacheStore } from "../engine/reconstruction/activationCache.ts";
import { balanceNetwork, findChannelFactors } from "../engine/reconstruction/balancedNetwork.ts";
import type { Checkpoint } from "../engine/reconstruction/checkpoint.ts";
import {
  type QuantizedWeights,
  quantizeActivations,
  quantizeByReconstruction,
  quantizeNearest,
  type ReconstructionPlan,
} from "../engine/reconstruction/quantizeNetwork.ts";
import { chooseScaleSchedule, chooseSchedule } from "../engine/reconstruction/schedule.ts";
import { peakMemoryBytes } from "../engine/runtime/memory.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import type { ReportProgress } from "../protocol/progress.ts";
import { fixedBatchOf, openCalibrationData, openEvaluationData, primaryInput } from "./data.ts";
import { runFingerprint } from "./fingerprint.ts";
import { fisherLabels } from "./fisherLabels.ts";
import { makeFolder } from "./folders.ts";
import { activationResults, layerResults } from "./runReport.ts";
import { brecqVersion } from "./version.ts";

/** Samples a call when a network is evaluated or its export verified. */
const evaluationBatch = 50;
const verificationSamples = 4;

export interface QuantizeRunOptions {
  readonly runtime: Runtime;
  /** The model's path. */
  readonly model: string;
  /** Data and preprocessing; paths are relative to `folder`. */
  readonly config: Pick<Config, "input" | "calibration" | "evaluation">;
  readonly folder: string;
  /** Without `input`, guess the preprocessing from the model instead of only scaling to 0..1. */
  readonly guessInput?: boolean | undefined;
  readonly runName: string;
  readonly run: RunConfig;
  /** Where the quantized model goes. */
  readonly output: string;
  /** Where calibration images that are made from the model are kept; by default beside the output. */
  readonly dataFolder?: string | undefined;
  /** Memory that activation caches may take; beyond it they lie in files beside the output. */
  readonly cacheBytes: number;
  /** Opens the run's checkpoint, given what its blocks depend on. */
  readonly openCheckpoint?: ((fingerprint: string) => Promise<Checkpoint>) | undefined;
  /** Called before the output file is replaced. */
  readonly beforeOutput?: (() => Promise<void>) | undefined;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Quantizes, exports, verifies and measures. The output file is whole or absent. */
export async function quantizeRun(given: QuantizeRunOptions): Promise<RunResult> {
  const begin = performance.now();
  const { runtime, model, run, runName, output, report } = given;
  report({ type: "phase", phase: "load", message: `Loading ${model}` });
  let network = await prepareNetwork(await loadModel(model), runtime);
  requireLayers(network);
  const options = given.guessInput ? withGuessedInput(given, network) : given;
  const bits = planBits(network, run);
  let planned = planActivations(network, bits, run);
  requireKernels(network.graph, [...quantizedBits(bits), ...(planned.length > 0 ? [activationBits(network.graph, planned)] : [])], run.export);
  const warnings = [...network.warnings];
  const calibration = await openCalibrationData({ ...options, dataFolder: options.dataFolder ?? dirname(output) }, network);
  const evaluation = await openEvaluationData(options, network);
  for (const dataset of [calibration, evaluation]) warnings.push(...(dataset?.warnings ?? []));
  for (const message of warnings) report({ type: "warning", message });
  const warn = (message: string) => {
    warnings.push(message);
    report({ type: "warning", message });
  };
  // Before the long part, so that a folder that can't be made costs no time.
  await makeFolder(dirname(output));

  // DFQ brings channels together in its own way, and plain rounding is what all else is compared with.
  if (run.method !== "dfq" && run.method !== "nearest" && calibration) {
    network = await balanced(options, network, planned, calibration);
    planned = planActivations(network, bits, run);
  }
  let quantized: QuantizedWeights;
  if (run.method === "dfq") {
    const found = await quantizeDfq({ runtime, network, bits, report, signal: options.signal, calibration, absorb: run.activations !== "fp32" });
    network = found.network;
    for (const message of found.warnings) warn(message);
    quantized = await withActivations(options, network, bits, planned, calibration, found.quantized);
  } else quantized = await quantizeWeights(options, network, bits, planned, calibration);
  warnings.push(...quantized.warnings);

  report({ type: "phase", phase: "export", message: `Writing ${output}` });
  const { weights, activations } = quantized;
  const exported = exportModel({
    graph: network.graph,
    source: network.source,
    weights,
    activations,
    format: run.export,
    metadata: { version: brecqVersion, run: runName },
  });
  await options.beforeOutput?.();
  await saveModel(exported, output);
  const data = evaluation ?? calibration;
  const verification = await verify(options, network, quantized, data);
  const level = bestLevel(verification, output);
  const metrics = await measure(options, network, data, evaluation ? "evaluation" : "calibration", level, warn);

  return {
    run: runName,
    model,
    config: { ...run },
    metrics,
    layers: layerResults(network, bits, quantized, run.export),
    activations: activationResults(network, activations),
    blocks: [...quantized.blocks],
    size: { fp32Bytes: await fileBytes(model), quantizedBytes: await fileBytes(output) },
    seconds: (performance.now() - begin) / 1000,
    peakMemoryBytes: peakMemoryBytes(),
    output,
    seed: run.seed,
    verification,
    warnings,
    versions: { brecq: brecqVersion, onnxruntime: runtime.version, node: process.versions.node },
  };
}

function withGuessedInput(options: QuantizeRunOptions, network: Network): QuantizeRunOptions {
  const dims = network.shapes.shapeOf(primaryInput(network).name, 1);
  if (dims.length !== 4) return options;
  const input = inputSchema.parse(guessInput(dims, network.source.producerName));
  options.report({
    type: "phase",
    phase: "load",
    message: `Preprocessing guessed from the model: ${JSON.stringify(input)} (change it with --input)`,
  });
  return { ...options, config: { ...options.config, input } };
}

/** The network with channels brought together where one grid for all would cost too much. */
async function balanced(
  { runtime, report, signal }: QuantizeRunOptions,
  network: Network,
  planned: readonly PlannedActivation[],
  data: Dataset,
): Promise<Network> {
  const factors = await findChannelFactors({ runtime, network, planned, data, signal });
  if (factors.size > 0) {
    const message = `Balancing the channels of ${factors.size} activations before depthwise convolutions`;
    report({ type: "phase", phase: "calibration", message });
  }
  return await balanceNetwork(network, runtime, planned, factors);
}

async function quantizeWeights(
  options: QuantizeRunOptions,
  network: Network,
  bits: BitPlan,
  planned: readonly PlannedActivation[],
  calibration: Dataset | undefined,
): Promise<QuantizedWeights> {
  const { runtime, run, report, signal } = options;
  const setup = { runtime, network, bits, report, signal };
  if (run.method === "nearest") {
    const weights = await quantizeNearest(setup);
    return await withActivations(options, network, bits, planned, calibration, weights);
  }
  const plan = await reconstructionPlan(options, network, bits, planned, calibration);
  const checkpoint = await options.openCheckpoint?.(
    runFingerprint({
      model: network.source,
      run,
      input: options.config.input,
      samples: plan.inputs.get(primaryInput(network).name) as ActivationCache,
      labels: run.loss === "fisher" ? plan.labels : undefined,
    }),
  );
  return await quantizeByReconstruction(setup, { ...plan, checkpoint });
}

/** Adds quantized activations to a network whose weights are rounded without data: with the searched ranges, untrained. */
async function withActivations(
  options: QuantizeRunOptions,
  network: Network,
  bits: BitPlan,
  planned: readonly PlannedActivation[],
  calibration: Dataset | undefined,
  weights: QuantizedWeights,
): Promise<QuantizedWeights> {
  if (planned.length === 0) return weights;
  const { runtime, report, signal } = options;
  const plan = await reconstructionPlan(options, network, bits, planned, calibration);
  const searched = { ...plan.activations!, schedule: { ...plan.activations!.schedule, steps: 0 }, joint: false };
  return await quantizeActivations({ runtime, network, bits, report, signal }, { ...plan, loss: "mse", activations: searched }, weights);
}

async function reconstructionPlan(
  options: QuantizeRunOptions,
  network: Network,
  bits: BitPlan,
  planned: readonly PlannedActivation[],
  calibration: Dataset | undefined,
): Promise<ReconstructionPlan> {
  const { run } = options;
  if (!calibration) {
    const why = run.method === "nearest" || run.method === "dfq" ? "A run with quantized activations" : `The method "${run.method}"`;
    throw new UserError(`${why} learns from calibration data, and the config names none.`, {
      hint: 'Add "calibration": { "images": "FOLDER" }.',
    });
  }
  const store = new CacheStore(options.cacheBytes, dirname(options.output), run.cachePrecision === "half" ? "float16" : "float");
  const cache = store.create(calibration.count, calibration.dims);
  const chunk = 64;
  for (let start = 0; start < calibration.count; start += chunk) {
    cache.write(start, await calibration.read(start, Math.min(chunk, calibration.count - start)));
  }
  // By the network's bits and not the block's: ends of 8 bits make up for errors of the others when they are trained with them.
  const networkBits = quantizedBits(bits);
  const joint = run.method === "qdrop";
  return {
    granularity: run.method === "adaround" ? "layer" : run.granularity,
    loss: run.loss,
    seed: run.seed,
    schedule: (_, size) => chooseSchedule(run, networkBits, size),
    inputs: new Map([[primaryInput(network).name, cache]]),
    samples: calibration.count,
    labels: fisherLabels(network, calibration, options.config.evaluation?.outputOffset ?? 0),
    store,
    activations:
      planned.length > 0
        ? {
            planned,
            joint,
            schedule: chooseScaleSchedule(
              run.steps,
              planned.map(({ bits: count }) => count),
              joint,
            ),
          }
        : undefined,
  };
}

function quantizedBits(bits: BitPlan): number[] {
  return [...bits.values()].flatMap(({ weights }) => (weights === "fp32" ? [] : [weights]));
}

async function verify(
  options: QuantizeRunOptions,
  network: Network,
  quantized: QuantizedWeights,
  data: Dataset | undefined,
): Promise<Verification[]> {
  const input = primaryInput(network);
  const samples = fixedBatchOf(network.source) ?? network.shapes.fixedBatch ?? Math.min(verificationSamples, data?.count ?? 1);
  const dims = network.shapes.shapeOf(input.name, samples);
  // Without data, anything but zeros, which would test biases alone.
  const values = Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 0.37));
  if (data) values.set(await data.read(0, Math.min(samples, data.count)));
  const simulated = simulatedModel(network.graph, quantized.weights, quantized.activations);
  return await verifyExport({ runtime: options.runtime, path: options.output, simulated, feeds: { [input.name]: floatTensor(values, dims) } });
}

/** The level at which the file is measured: the highest at which it computes what was promised. */
function bestLevel(verification: readonly Verification[], output: string): Verification["level"] {
  const faithful = faithfulLevel(verification);
  if (faithful) return faithful.level;
  throw new UserError(`ONNX Runtime does not load the exported file ${output}: ${verification[0]?.message ?? "unknown reason"}.`, {
    hint: 'Try "export": "portable", and report this model.',
  });
}

async function measure(
  options: QuantizeRunOptions,
  network: Network,
  dataset: Dataset | undefined,
  source: Metrics["source"],
  level: Verification["level"],
  onWarning: (message: string) => void,
): Promise<Metrics> {
  if (!dataset) return { fp32: {}, quantized: {}, images: 0, source };
  const { runtime, report, signal, config } = options;
  report({ type: "phase", phase: "evaluation", message: `Measuring on ${dataset.count} images` });
  const reference = await runtime.openSession(options.model);
  const quantized = await runtime.openSession(options.output, { optimization: level });
  try {
    return await evaluate({
      reference,
      quantized,
      input: primaryInput(network).name,
      dataset,
      batch: fixedBatchOf(network.source) ?? Math.min(evaluationBatch, dataset.count),
      outputs: config.evaluation,
      source,
      signal,
      onProgress: (done, total) => report({ type: "count", label: "Measuring", done, total }),
      onWarning,
    });
  } finally {
    await reference.release();
    await quantized.release();
  }
}
