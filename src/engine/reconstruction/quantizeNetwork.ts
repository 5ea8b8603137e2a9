/** @file Quantization of a whole network: nearest rounding, or reconstruction block by block, with its activations where they have bits. */

import type { BlockResult } from "../../config/result.ts";
import type { Granularity, RunConfig } from "../../config/schema.ts";
import type { ReportProgress } from "../../protocol/progress.ts";
import { createRandom } from "../data/random.ts";
import type { Network } from "../graph/prepare.ts";
import type { PlannedActivation } from "../quantizers/activationPlan.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { BitPlan } from "../quantizers/bitPlan.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import { type WeightQuantization, weightConstants } from "../quantizers/weightQuantization.ts";
import { fitWeightQuantizer, nearestLevels, type WeightQuantizer, weightQuantization } from "../quantizers/weightQuantizer.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ActivationCache, CacheStore } from "./activationCache.ts";
import { searchRanges } from "./activationRanges.ts";
import { Activations, type UnitData } from "./activations.ts";
import { smallBatchWarning } from "./affordableBatch.ts";
import { blockSize } from "./blockSize.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { fisherWeights } from "./fisherWeights.ts";
import { type Cached, reconstruct } from "./reconstruct.ts";
import { cacheDistance, forwardBatch, release, runSegment } from "./runSegment.ts";
import type { BlockSize, ScaleSchedule, Schedule } from "./schedule.ts";
import type { SegmentQuantization } from "./segment.ts";
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
  /** The training of a unit whose layers have these bits and this size; 0 steps: nearest rounding. */
  readonly schedule: (bits: readonly number[], size: BlockSize) => Schedule;
  /** Calibration samples at the network's inputs. */
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  /** For the loss "fisher": the class of each sample, counted as the network's scores are. */
  readonly labels?: Int32Array | undefined;
  readonly store: CacheStore;
  readonly checkpoint?: Checkpoint | undefined;
  readonly activations?: ActivationsPlan | undefined;
}

/** How activations are quantized. */
export interface ActivationsPlan {
  readonly planned: readonly PlannedActivation[];
  readonly schedule: ScaleSchedule;
  /** Train step sizes together with the rounding (QDrop), not after it. */
  readonly joint: boolean;
}

export interface QuantizedWeights {
  readonly weights: readonly WeightQuantization[];
  /** The same layers rounded to nearest, by layer name. */
  readonly nearest: ReadonlyMap<string, WeightQuantization>;
  readonly activations: readonly ActivationQuantization[];
  readonly blocks: readonly BlockResult[];
  /** Sentences for the user about what was done otherwise than the settings say. */
  readonly warnings: readonly string[];
}

/** Rounds every quantized layer's weights to nearest on its searched grid. */
export async function quantizeNearest({ runtime, network, bits, report, signal }: QuantizeOptions): Promise<QuantizedWeights> {
  const quantizers = await fitQuantizers(runtime, network, bits, report, signal);
  const nearest = new Map([...quantizers].map(([layer, quantizer]) => [layer, weightQuantization(quantizer, nearestLevels(quantizer))]));
  return { weights: [...nearest.values()], nearest, activations: [], blocks: [], warnings: [] };
}

/**
 * Reconstructs the network unit by unit (BRECQ, algorithm 1): each learns from the inputs that the already
 * quantized part gives, towards the outputs of the FP32 network.
 */
export async function quantizeByReconstruction(options: QuantizeOptions, plan: ReconstructionPlan): Promise<QuantizedWeights> {
  const { runtime, network, bits, report, signal } = options;
  const quantizers = await fitQuantizers(runtime, network, bits, report, signal);
  const nearest = new Map([...quantizers].map(([layer, quantizer]) => [layer, weightQuantization(quantizer, nearestLevels(quantizer))]));
  return await reconstructUnits(options, plan, quantizers, { weights: [...nearest.values()], nearest, activations: [], blocks: [], warnings: [] });
}

/** Finds the grids of activations in a network whose weights are settled. */
export async function quantizeActivations(options: QuantizeOptions, plan: ReconstructionPlan, weights: QuantizedWeights): Promise<QuantizedWeights> {
  return await reconstructUnits(options, plan, new Map(), weights);
}

async function reconstructUnits(
  options: QuantizeOptions,
  plan: ReconstructionPlan,
  quantizers: ReadonlyMap<string, WeightQuantizer>,
  given: QuantizedWeights,
): Promise<QuantizedWeights> {
  const { runtime, network, report, signal } = options;
  const units = reconstructionUnits(network, plan.granularity);
  const jobs = units.map((unit, index) => unitJob(network, unit, index, plan, quantizers));
  const trained = jobs.filter(({ steps }) => steps > 0);
  const timeLeft = new TimeLeft(trained.map(({ unit, steps }) => steps * unit.layers.reduce((sum, { macs }) => sum + macs, 0)));
  const passes = new Activations({ runtime, network, units, signal, ...plan });
  const weights = new Map(given.weights.map((weight) => [weight.layer, weight]));
  const activations = new Map<string, ActivationQuantization>();
  const blocks: BlockResult[] = [...given.blocks];
  const search = await ScaleSearch.create(runtime);
  const fisher =
    plan.loss === "fisher" ? await fisherWeights({ ...plan, runtime, network, units: trained.map(({ unit }) => unit), report, signal }) : undefined;
  const warnings = [...(fisher?.warnings ?? []), ...trained.flatMap(({ unit, schedule }) => smallBatchWarning(network, unit, schedule.batch))];
  for (const message of warnings) report({ type: "warning", message });
  const message = trained.length > 0 ? `Reconstructing ${trained.length} blocks` : "Searching activation ranges";
  report({ type: "phase", phase: "reconstruction", message });

  try {
    for (const job of jobs) {
      await passes.pass(job.unit, job.index, async (data) => {
        const settled = job.read.flatMap(({ value }) => activations.get(value) ?? []);
        const planned = job.read.filter(({ value }) => !activations.has(value));
        const first = await searchRanges(
          { runtime, network, segment: job.unit, inputs: data.inputs, samples: plan.samples, search, signal },
          planned,
          settled,
        );
        const found = job.steps > 0 ? await reconstructUnit(job, trained.indexOf(job), data, first, settled) : { weights: [], activations: first };
        for (const weight of found.weights) weights.set(weight.layer, weight);
        for (const activation of found.activations) activations.set(activation.value, activation);
        const own = job.unit.layers.flatMap(({ name }) => weights.get(name) ?? []);
        return { constants: weightConstants(own), activations: [...settled, ...found.activations] };
      });
    }
  } finally {
    fisher?.releaseAll();
    passes.releaseAll();
    await search.release();
  }
  const order = plan.activations?.planned.map(({ value }) => activations.get(value)!) ?? [];
  return { weights: [...weights.values()], nearest: given.nearest, activations: order, blocks, warnings: [...given.warnings, ...warnings] };

  async function reconstructUnit(
    job: UnitJob,
    number: number,
    { inputs, fp32Inputs, targets }: UnitData,
    first: readonly ActivationQuantization[],
    settled: readonly ActivationQuantization[],
  ) {
    const { unit, index, quantizers: own, schedule, steps } = job;
    const place = { index: number, name: unit.name };
    const begin = performance.now();
    report({ type: "block-start", ...place, count: trained.length, layers: own.map(({ layer }) => layer.name), steps });
    const errorWeights = fisher?.of(unit);
    const lossOf = (weightsOf: readonly WeightQuantization[], quantized: readonly ActivationQuantization[]) =>
      unitLoss(options, plan, { unit, inputs, targets, weights: errorWeights }, { constants: weightConstants(weightsOf), activations: quantized });
    const nearest = unit.layers.flatMap(({ name }) => given.nearest.get(name) ?? []);
    const nearestLoss = await lossOf(nearest, []);
    const before = first.length + settled.length > 0 ? await lossOf(nearest, [...settled, ...first]) : nearestLoss;
    const saved = await plan.checkpoint?.load(index);
    const found =
      saved ??
      (await reconstruct({
        runtime,
        network,
        segment: unit,
        quantizers: own,
        inputs,
        fp32Inputs,
        targets,
        weights: errorWeights,
        samples: plan.samples,
        schedule,
        nearestLoss,
        activations: plan.activations && { trained: first, settled, schedule: plan.activations.schedule, joint: plan.activations.joint },
        random: createRandom(plan.seed, index),
        signal,
        onSteps: (step, loss) => {
          report({ type: "step", ...place, step, steps, loss, secondsLeft: timeLeft.at(number, step / steps) });
        },
      }));
    if (!saved) await plan.checkpoint?.save(index, found);
    timeLeft.finish(number);
    const reconstructed = own.map((quantizer, i) => weightQuantization(quantizer, found.levels[i]!, found.channels[i]));
    const activationsFound = first.map((activation, i) => ({ ...activation, scale: found.scales[i]! }));
    const loss = { before, after: await lossOf(reconstructed, [...settled, ...activationsFound]) };
    fisher?.release(unit);
    const seconds = (performance.now() - begin) / 1000;
    report({ type: "block-end", ...place, count: trained.length, loss, seconds, resumed: saved !== undefined });
    const layers = own.map(({ layer }) => layer.name);
    blocks.push({ name: unit.name, kind: unit.kind, layers, loss, steps, seconds, curve: [...found.curve] });
    return { weights: reconstructed, activations: activationsFound };
  }
}

interface UnitJob {
  readonly unit: Unit;
  readonly index: number;
  readonly quantizers: readonly WeightQuantizer[];
  /** The planned activations that the unit's nodes read. */
  readonly read: readonly PlannedActivation[];
  readonly schedule: Schedule;
  /** Steps of the rounding and of step sizes together. */
  readonly steps: number;
}

function unitJob(network: Network, unit: Unit, index: number, plan: ReconstructionPlan, quantizers: ReadonlyMap<string, WeightQuantizer>): UnitJob {
  const own = unit.layers.flatMap((layer) => quantizers.get(layer.name) ?? []);
  const outputs = new Set(unit.nodes.map((node) => node.output[0]));
  const read = (plan.activations?.planned ?? []).filter(({ readers }) => readers.some((reader) => outputs.has(reader)));
  const chosen = plan.schedule(
    own.map(({ grid }) => grid.bits),
    blockSize(network, unit, own, plan.samples),
  );
  const schedule = own.length > 0 ? chosen : { ...chosen, steps: 0 };
  const scaleSteps = read.length > 0 && unit.layers.length > 0 ? plan.activations!.schedule.steps : 0;
  return { unit, index, quantizers: own, read, schedule, steps: schedule.steps + scaleSteps };
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
      quantizers.set(layer.name, await fitWeightQuantizer(search, network.graph, layer, bits.get(layer.name)!.weights as number));
      report({ type: "count", label: "Searching scales", done: i + 1, total: layers.length });
    }
  } finally {
    await search.release();
  }
  return quantizers;
}

/** The loss that a quantization of a unit has, as it is trained (weighted by Fisher information where that is), on the first {@link lossSamples} samples. */
async function unitLoss(
  { runtime, network, signal }: QuantizeOptions,
  plan: ReconstructionPlan,
  {
    unit,
    inputs,
    targets,
    weights,
  }: { unit: Unit; inputs: readonly Cached[]; targets: readonly ActivationCache[]; weights?: readonly ActivationCache[] | undefined },
  quantization: SegmentQuantization,
): Promise<number> {
  const outputs = trainedOutputs(network, unit);
  const samples = Math.min(plan.samples, lossSamples);
  const made = await runSegment({
    runtime,
    network,
    segment: { ...unit, outputs },
    inputs,
    samples,
    batch: forwardBatch,
    store: plan.store,
    signal,
    ...quantization,
  });
  const loss = outputs.reduce(
    (sum, output, j) => sum + cacheDistance(made.get(output) as ActivationCache, targets[j]!, forwardBatch, weights?.[j]),
    0,
  );
  for (const cached of made.values()) release(cached);
  return loss;
}
