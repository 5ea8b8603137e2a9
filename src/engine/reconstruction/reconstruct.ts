/** @file The training of one segment: runs the compiled steps in chunks, and gives the levels and step sizes found. */

import type { Random } from "../data/random.ts";
import { sampleIndices } from "../data/random.ts";
import { CancelledError } from "../errors.ts";
import { intAttribute } from "../graph/attributes.ts";
import type { Layer } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";
import { floatData, floatTensor, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { roundedLevels, roundingProblem } from "../quantizers/adaptiveRounding.ts";
import { type ChannelParameters, channelParameters, unchangedChannels } from "../quantizers/channelParameters.ts";
import { weightConstants } from "../quantizers/weightQuantization.ts";
import { nearestLevels, type WeightQuantizer, weightQuantization } from "../quantizers/weightQuantizer.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ActivationCache } from "./activationCache.ts";
import { adamFactors } from "./adam.ts";
import { affordableBatch } from "./affordableBatch.ts";
import { sessionOptions } from "./runSegment.ts";
import type { ScaleSchedule, Schedule } from "./schedule.ts";
import { isBatched, type Segment } from "./segment.ts";
import { channelFeeds, factorColumns, feeds, type StateNames, scaleFeeds, type TrainingOptions, trainingModel } from "./trainingStep.ts";

/** How long one call of the training model should take: short enough to show progress and to cancel. */
const secondsPerCall = 0.5;

/** What the caller has cached of a value: rows of samples, or the value itself where it has no sample axis. */
export type Cached = ActivationCache | Tensor;

export interface ReconstructionOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly segment: Segment;
  readonly quantizers: readonly WeightQuantizer[];
  /** What the quantized prefix gives at the segment's inputs. */
  readonly inputs: readonly Cached[];
  /** What the FP32 network gives there. */
  readonly fp32Inputs: readonly Cached[];
  /** What the FP32 network gives at the segment's trained outputs. */
  readonly targets: readonly ActivationCache[];
  /** Weights of the outputs' squared errors, where they are not all alike. */
  readonly weights?: readonly ActivationCache[] | undefined;
  readonly samples: number;
  readonly schedule: Schedule;
  /** Reconstruction loss with nearest rounding. */
  readonly nearestLoss: number;
  readonly activations?: ActivationReconstruction | undefined;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly onSteps?: ((step: number, loss: number) => void) | undefined;
}

/** The segment's quantized activations. */
export interface ActivationReconstruction {
  /** Those whose step sizes are trained here, with their first grids. */
  readonly trained: readonly ActivationQuantization[];
  readonly settled: readonly ActivationQuantization[];
  readonly schedule: ScaleSchedule;
  /** Whether step sizes are trained together with the rounding (QDrop), not after it. */
  readonly joint: boolean;
}

export interface Reconstruction {
  /** Levels of each quantizer's weights, channel-major. */
  readonly levels: readonly Uint8Array[];
  /** Step sizes of each quantizer's channels, and its bias where that was trained. */
  readonly channels: readonly ChannelParameters[];
  /** Step sizes of the trained activations. */
  readonly scales: readonly number[];
  /** Reconstruction loss, averaged over the steps of each call. */
  readonly curve: readonly { step: number; loss: number }[];
}

/**
 * Trains a segment: the rounding of its weights (BRECQ, section 3.2 and algorithm 1), then the step sizes of its activations with the weights
 * rounded; or both together on randomly dropped quantization (QDrop).
 * @throws CancelledError when the signal is aborted
 */
export async function reconstruct(options: ReconstructionOptions): Promise<Reconstruction> {
  const { network, segment, quantizers, schedule, activations, inputs, fp32Inputs } = options;
  const batch = Math.min(affordableBatch(network, segment.nodes, schedule.batch), options.samples);
  const rounding = schedule.steps > 0 && quantizers.length > 0 ? roundingProblem(quantizers) : undefined;
  const training = activations && { ...activations, relativeRate: activations.schedule.relative };
  const trainChannels = schedule.channelRate !== undefined;
  const different = segment.inputs.flatMap((input, i) => (fp32Inputs[i] !== inputs[i] && isBatched(network, input) ? [i] : []));
  const mixed = { inputs: different, share: schedule.fp32Share };
  const trainsScales = activations !== undefined && activations.trained.length > 0;
  const curve: { step: number; loss: number }[] = [];
  const model = { network, segment, batch, weighted: options.weights !== undefined, cacheType: options.targets[0]?.type };
  let levels = quantizers.map(nearestLevels);
  let channels: readonly ChannelParameters[] = quantizers.map(({ grid: { scale } }) => ({ scale }));
  let scales = activations?.trained.map(({ scale }) => scale) ?? [];

  if (rounding && activations?.joint) {
    const drop = { random: options.random };
    await run({ ...model, rounding, trainChannels, activations: training, trainScales: trainsScales, drop, mixed }, schedule.steps);
  } else {
    if (rounding) await run({ ...model, rounding, trainChannels, mixed: mixed.share > 0 ? mixed : undefined }, schedule.steps);
    if (trainsScales && activations.schedule.steps > 0) {
      const weights = quantizers.map((quantizer, i) => weightQuantization(quantizer, levels[i]!, channels[i]));
      await run({ ...model, constants: weightConstants(weights), activations: training, trainScales: true }, activations.schedule.steps);
    }
  }
  return { levels, channels, scales, curve };

  async function run(training: TrainingOptions, steps: number): Promise<void> {
    const state = await trainPhase(options, training, steps, curve);
    if (training.rounding) levels = roundedLevels(training.rounding, floatData(state[feeds.value]!));
    if (training.trainChannels) channels = channelParameters(quantizers, floatData(state[channelFeeds.value]!));
    if (training.trainScales) scales = [...floatData(state[scaleFeeds.value]!)];
  }
}

/** Runs the steps of one training model in calls of about half a second; adds to the curve, and gives the last state. */
async function trainPhase(
  options: ReconstructionOptions,
  training: TrainingOptions,
  steps: number,
  curve: { step: number; loss: number }[],
): Promise<Record<string, Tensor>> {
  const { signal, onSteps } = options;
  const done = curve.at(-1)?.step ?? 0;
  const session = await options.runtime.createSession(trainingModel(training), sessionOptions(training.activations ? [training] : []));
  try {
    const data = new MinibatchFeeds(options, training);
    let state = startOf(training);
    let count = 1;
    for (let step = 0; step < steps; ) {
      if (signal?.aborted) throw new CancelledError();
      count = Math.min(count, steps - step);
      const begin = performance.now();
      const results = await session.run({ ...state, ...data.next(count), ...scheduleFeeds(options, training, steps, step, count) });
      const seconds = (performance.now() - begin) / 1000;
      state = Object.fromEntries(Object.keys(state).map((name) => [name, results[`${name}_out`]!]));
      step += count;
      const losses = floatData(results.losses!);
      const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      curve.push({ step: done + step, loss });
      onSteps?.(done + step, loss);
      count = Math.max(1, Math.min(count * 4, Math.round((secondsPerCall / seconds) * count), data.largestCall));
      // Gives the event loop a turn: cancel requests and messages come in between calls.
      await new Promise(setImmediate);
    }
    return state;
  } finally {
    await session.release();
  }
}

function startOf({ rounding, trainChannels, activations, trainScales }: TrainingOptions): Record<string, Tensor> {
  const start = (group: StateNames, value: Float32Array) => ({
    [group.value]: floatTensor(value),
    [group.mean]: floatTensor(new Float32Array(value.length)),
    [group.square]: floatTensor(new Float32Array(value.length)),
  });
  return {
    ...(rounding && start(feeds, rounding.start)),
    ...(rounding && trainChannels && start(channelFeeds, unchangedChannels(rounding.quantizers))),
    ...(trainScales &&
      start(
        scaleFeeds,
        Float32Array.from(activations!.trained, ({ scale }) => scale),
      )),
  };
}

/** The columns of {@link factorColumns} for steps `start` to `start + count` of a phase. */
function scheduleFeeds(
  { schedule, nearestLoss, activations, quantizers }: ReconstructionOptions,
  { rounding }: TrainingOptions,
  steps: number,
  start: number,
  count: number,
): Record<string, Tensor> {
  const problem = rounding && { loss: nearestLoss, weights: rounding.start.length, grouped: quantizers.some(({ layer }) => hasGroups(layer)) };
  const rows = Array.from({ length: count }, (_, i) => {
    const t = start + i;
    const { step, correction } = adamFactors(schedule.rate(t), t + 1);
    const scaleStep = adamFactors(activations?.schedule.rate(t, steps) ?? 0, t + 1).step;
    const channelStep = adamFactors(schedule.channelRate?.(t) ?? 0, t + 1).step;
    const beta = schedule.beta(t);
    const lambda = problem ? schedule.lambda(t, problem) : 0;
    return [step, correction, -2 * lambda * beta, beta - 2, scaleStep, channelStep];
  });
  return { [feeds.factors]: floatTensor(rows.flat(), [count, factorColumns.length]), [feeds.steps]: int64Tensor([count], []) };
}

function hasGroups({ node }: Layer): boolean {
  return intAttribute(node, "group", 1) > 1;
}

/** Feeds of the minibatches: indices into caches in memory; or, where a cache lies in a file, the rows themselves. */
class MinibatchFeeds {
  readonly #named: readonly (readonly [string, Cached])[];
  readonly #inMemory: boolean;
  readonly #samples: number;
  readonly #random: Random;
  readonly #batch: number;

  constructor({ inputs, fp32Inputs, targets, weights = [], samples, random }: ReconstructionOptions, { batch, mixed }: TrainingOptions) {
    const groups = { input: inputs, target: targets, weight: weights };
    const others = (mixed?.inputs ?? []).map((i) => [`fp32_${i}`, fp32Inputs[i]!] as const);
    this.#named = [...Object.entries(groups).flatMap(([group, caches]) => caches.map((cache, i) => [`${group}_${i}`, cache] as const)), ...others];
    this.#inMemory = this.#named.every(([, cached]) => !("gather" in cached) || cached.whole() !== undefined);
    this.#samples = samples;
    this.#random = random;
    this.#batch = batch;
  }

  /** Rows read from files are held for one call only: few steps a call bound them. */
  get largestCall(): number {
    return this.#inMemory ? Number.POSITIVE_INFINITY : 4;
  }

  next(steps: number): Record<string, Tensor> {
    const picked = Array.from({ length: steps }, () => sampleIndices(this.#random, this.#samples, this.#batch)).flat();
    const indices = this.#inMemory ? picked : picked.map((_, i) => i);
    const data = this.#named.map(([name, cached]) => {
      if (!("gather" in cached)) return [name, cached] as const;
      return [name, this.#inMemory ? cached.whole()! : cached.gather(picked)] as const;
    });
    return { ...Object.fromEntries(data), [feeds.samples]: int64Tensor(indices, [steps, this.#batch]) };
  }
}
