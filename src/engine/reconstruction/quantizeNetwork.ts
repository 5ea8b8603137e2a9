/** @file Weight quantization of a whole network: nearest rounding, or reconstruction block by block. */

import type { BlockResult } from "../../config/result.ts";
import type { Granularity, RunConfig } from "../../config/schema.ts";
import type { ReportProgress } from "../../protocol/progress.ts";
import { createRandom } from "../data/random.ts";
import type { Network } from "../graph/prepare.ts";
import { floatData, floatTensor, type Tensor } from "../onnx/tensor.ts";
import type { BitPlan } from "../quantizers/bitPlan.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import { dequantize, type WeightQuantization } from "../quantizers/weightQuantization.ts";
import { fitWeightQuantizer, nearestLevels, type WeightQuantizer, weightQuantization } from "../quantizers/weightQuantizer.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ActivationCache, CacheStore } from "./activationCache.ts";
import { Activations } from "./activations.ts";
import { smallBatchWarning } from "./affordableBatch.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { fisherWeights } from "./fisherWeights.ts";
import { type Cached, reconstruct } from "./reconstruct.ts";
import { cacheDistance, release, runSegment } from "./runSegment.ts";
import { batchSize, type Schedule } from "./schedule.ts";
import { reconstructionUnits, type Unit } from "./segments.ts";
import { TimeLeft } from "./timeLeft.ts";
import { trainedOutputs } from "./trainingStep.ts";

/** Losses before and after are measured on so many samples. */
const lossSamples = 256;

export interface QuantizeOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly bits: BitPlan;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Settings of reconstruction. */
export interface ReconstructionPlan {
  readonly granularity: Granularity;
  /** "mse" unless said otherwise. */
  readonly loss?: RunConfig["loss"];
  readonly seed: number;
  /** The training of a unit whose layers have these bits; 0 steps: nearest rounding. */
  readonly schedule: (bits: readonly number[]) => Schedule;
  /** Calibration samples at the network's inputs. */
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  readonly store: CacheStore;
  readonly checkpoint?: Checkpoint | undefined;
}

export interface QuantizedWeights {
  readonly weights: readonly WeightQuantization[];
  /** The same layers rounded to nearest, by layer name. */
  readonly nearest: ReadonlyMap<string, WeightQuantization>;
  readonly blocks: readonly BlockResult[];
  /** Sentences for the user about what was done otherwise than the settings say. */
  readonly warnings: readonly string[];
}

/** Rounds every quantized layer's weights to nearest on its searched grid. */
export async function quantizeNearest({ runtime, network, bits, report, signal }: QuantizeOptions): Promise<QuantizedWeights> {
  const quantizers = await fitQuantizers(runtime, network, bits, report, signal);
  const nearest = new Map([...quantizers].map(([layer, quantizer]) => [layer, weightQuantization(quantizer, nearestLevels(quantizer))]));
  return { weights: [...nearest.values()], nearest, blocks: [], warnings: [] };
}

/**
 * Reconstructs the network unit by unit (BRECQ, algorithm 1): each learns from the inputs that the already
 * quantized part gives, towards the outputs of the FP32 network.
 */
export async function quantizeByReconstruction(options: QuantizeOptions, plan: ReconstructionPlan): Promise<QuantizedWeights> {
  const { runtime, network, bits, report, signal } = options;
  const quantizers = await fitQuantizers(runtime, network, bits, report, signal);
  const units = reconstructionUnits(network, plan.granularity);
  const jobs = units.map((unit, index) => unitJob(unit, index, plan, quantizers));
  const trained = jobs.filter(({ schedule }) => schedule.steps > 0);
  const timeLeft = new TimeLeft(trained.map(({ unit, schedule }) => schedule.steps * unit.layers.reduce((sum, { macs }) => sum + macs, 0)));
  const activations = new Activations({ runtime, network, units, signal, ...plan });
  const nearest = new Map([...quantizers].map(([layer, quantizer]) => [layer, weightQuantization(quantizer, nearestLevels(quantizer))]));
  const weights = new Map(nearest);
  const blocks: BlockResult[] = [];
  const fisher =
    plan.loss === "fisher" ? await fisherWeights({ ...plan, runtime, network, units: trained.map(({ unit }) => unit), report, signal }) : undefined;
  const warnings = [...(fisher?.warnings ?? []), ...trained.flatMap(({ unit, schedule }) => smallBatchWarning(network, unit, schedule.batch))];
  for (const message of warnings) report({ type: "warning", message });
  report({ type: "phase", phase: "reconstruction", message: `Reconstructing ${trained.length} blocks` });

  try {
    for (const job of jobs) {
      const number = trained.indexOf(job);
      await activations.pass(job.unit, job.index, async (inputs, targets) => {
        if (number < 0) return constantsOf(job.quantizers.map(({ layer }) => weights.get(layer.name)!));
        const block = await reconstructUnit(job, number, inputs, targets);
        blocks.push(block.result);
        for (const weight of block.weights) weights.set(weight.layer, weight);
        return constantsOf(block.weights);
      });
    }
  } finally {
    fisher?.releaseAll();
    activations.releaseAll();
  }
  return { weights: [...weights.values()], nearest, blocks, warnings };

  async function reconstructUnit(
    { unit, index, quantizers: own, schedule }: UnitJob,
    number: number,
    inputs: readonly Cached[],
    targets: readonly ActivationCache[],
  ) {
    const place = { index: number, name: unit.name };
    const begin = performance.now();
    report({ type: "block-start", ...place, count: trained.length, layers: own.map(({ layer }) => layer.name), steps: schedule.steps });
    const errorWeights = fisher?.of(unit);
    const lossOf = (weightsOf: readonly WeightQuantization[]) =>
      unitLoss(options, plan, { unit, inputs, targets, weights: errorWeights }, constantsOf(weightsOf));
    const before = await lossOf(own.map(({ layer }) => nearest.get(layer.name)!));
    const saved = await plan.checkpoint?.load(index);
    const found =
      saved ??
      (await reconstruct({
        runtime,
        network,
        segment: unit,
        quantizers: own,
        inputs,
        targets,
        weights: errorWeights,
        samples: plan.samples,
        schedule,
        nearestLoss: before,
        random: createRandom(plan.seed, index),
        signal,
        onSteps: (step, loss) => {
          report({ type: "step", ...place, step, steps: schedule.steps, loss, secondsLeft: timeLeft.at(number, step / schedule.steps) });
        },
      }));
    if (!saved) await plan.checkpoint?.save(index, found);
    timeLeft.finish(number);
    const reconstructed = own.map((quantizer, i) => weightQuantization(quantizer, found.levels[i]!));
    const loss = { before, after: await lossOf(reconstructed) };
    fisher?.release(unit);
    const seconds = (performance.now() - begin) / 1000;
    report({ type: "block-end", ...place, count: trained.length, loss, seconds, resumed: saved !== undefined });
    const result = {
      name: unit.name,
      kind: unit.kind,
      layers: own.map(({ layer }) => layer.name),
      loss,
      steps: schedule.steps,
      seconds,
      curve: [...found.curve],
    };
    return { result, weights: reconstructed };
  }
}

interface UnitJob {
  readonly unit: Unit;
  readonly index: number;
  readonly quantizers: readonly WeightQuantizer[];
  readonly schedule: Schedule;
}

function unitJob(unit: Unit, index: number, plan: ReconstructionPlan, quantizers: ReadonlyMap<string, WeightQuantizer>): UnitJob {
  const own = unit.layers.flatMap((layer) => quantizers.get(layer.name) ?? []);
  const schedule = plan.schedule(own.map(({ grid }) => grid.bits));
  return { unit, index, quantizers: own, schedule: own.length > 0 ? schedule : { ...schedule, steps: 0 } };
}

async function fitQuantizers(
  runtime: Runtime,
  network: Network,
  bits: BitPlan,
  report: ReportProgress,
  signal?: AbortSignal,
): Promise<Map<string, WeightQuantizer>> {
  const search = await ScaleSearch.create(runtime);
  const quantizers = new Map<string, WeightQuantizer>();
  const layers = network.layers.filter((layer) => bits.get(layer.name)?.weights !== "fp32");
  try {
    for (const [i, layer] of layers.entries()) {
      signal?.throwIfAborted();
      const weights = floatData(network.graph.constant(layer.weight)!);
      quantizers.set(layer.name, await fitWeightQuantizer(search, layer, weights, bits.get(layer.name)!.weights as number));
      report({ type: "count", label: "Searching scales", done: i + 1, total: layers.length });
    }
  } finally {
    await search.release();
  }
  return quantizers;
}

function constantsOf(weights: readonly WeightQuantization[]): Map<string, Tensor> {
  return new Map(weights.map((weight) => [weight.weight, floatTensor(dequantize(weight), weight.dims)]));
}

/** The reconstruction loss of a unit with some weights (the one that is trained: weighted by Fisher information where that is), on the first {@link lossSamples} samples. */
async function unitLoss(
  { runtime, network, signal }: QuantizeOptions,
  plan: ReconstructionPlan,
  {
    unit,
    inputs,
    targets,
    weights,
  }: { unit: Unit; inputs: readonly Cached[]; targets: readonly ActivationCache[]; weights?: readonly ActivationCache[] | undefined },
  constants: ReadonlyMap<string, Tensor>,
): Promise<number> {
  const outputs = trainedOutputs(network, unit);
  const samples = Math.min(plan.samples, lossSamples);
  const made = await runSegment({
    runtime,
    network,
    segment: { ...unit, outputs },
    inputs,
    samples,
    batch: batchSize,
    store: plan.store,
    constants,
    signal,
  });
  const loss = outputs.reduce((sum, output, j) => sum + cacheDistance(made.get(output) as ActivationCache, targets[j]!, batchSize, weights?.[j]), 0);
  for (const cached of made.values()) release(cached);
  return loss;
}
