/** @file The training of one segment's rounding: runs the compiled steps in chunks, and gives the levels found. */

import type { Random } from "../data/random.ts";
import { sampleIndices } from "../data/random.ts";
import { CancelledError } from "../errors.ts";
import type { Network } from "../graph/prepare.ts";
import { floatData, floatTensor, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import { roundedLevels, roundingProblem } from "../quantizers/adaptiveRounding.ts";
import type { WeightQuantizer } from "../quantizers/weightQuantizer.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { ActivationCache } from "./activationCache.ts";
import { adamFactors } from "./adam.ts";
import { affordableBatch } from "./affordableBatch.ts";
import type { Schedule, TrainingProblem } from "./schedule.ts";
import type { Segment } from "./segment.ts";
import { factorColumns, feeds, trainingModel } from "./trainingStep.ts";

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
  /** What the FP32 network gives at the segment's trained outputs. */
  readonly targets: readonly ActivationCache[];
  /** Weights of the outputs' squared errors, where they are not all alike. */
  readonly weights?: readonly ActivationCache[] | undefined;
  readonly samples: number;
  readonly schedule: Schedule;
  /** Reconstruction loss with nearest rounding. */
  readonly nearestLoss: number;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly onSteps?: ((step: number, loss: number) => void) | undefined;
}

export interface Reconstruction {
  /** Levels of each quantizer's weights, channel-major. */
  readonly levels: readonly Uint8Array[];
  /** Reconstruction loss, averaged over the steps of each call. */
  readonly curve: readonly { step: number; loss: number }[];
}

/**
 * Trains the rounding of a segment's weights (BRECQ, section 3.2 and algorithm 1).
 * @throws CancelledError when the signal is aborted
 */
export async function reconstruct(options: ReconstructionOptions): Promise<Reconstruction> {
  const { runtime, network, segment, quantizers, schedule, weights } = options;
  const rounding = roundingProblem(quantizers);
  const batch = Math.min(affordableBatch(network, segment.nodes, schedule.batch), options.samples);
  const session = await runtime.createSession(trainingModel({ network, segment, rounding, batch, weighted: weights !== undefined }));
  try {
    return await train(session, options, batch, rounding);
  } finally {
    await session.release();
  }
}

async function train(
  session: Session,
  options: ReconstructionOptions,
  batch: number,
  rounding: ReturnType<typeof roundingProblem>,
): Promise<Reconstruction> {
  const { schedule, signal, onSteps } = options;
  const data = new MinibatchFeeds(options, batch);
  let state: Record<string, Tensor> = {
    [feeds.value]: floatTensor(rounding.start),
    [feeds.mean]: floatTensor(new Float32Array(rounding.start.length)),
    [feeds.square]: floatTensor(new Float32Array(rounding.start.length)),
  };
  const curve: { step: number; loss: number }[] = [];
  let count = 1;
  for (let step = 0; step < schedule.steps; ) {
    if (signal?.aborted) throw new CancelledError();
    count = Math.min(count, schedule.steps - step);
    const begin = performance.now();
    const results = await session.run({
      ...state,
      ...data.next(count),
      ...scheduleFeeds(schedule, { loss: options.nearestLoss, weights: rounding.start.length }, step, count),
    });
    const seconds = (performance.now() - begin) / 1000;
    state = Object.fromEntries([feeds.value, feeds.mean, feeds.square].map((name) => [name, results[`${name}_out`]!]));
    step += count;
    const losses = floatData(results.losses!);
    const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    curve.push({ step, loss });
    onSteps?.(step, loss);
    count = Math.max(1, Math.min(count * 4, Math.round((secondsPerCall / seconds) * count), data.largestCall));
    // Gives the event loop a turn: cancel requests and messages come in between calls.
    await new Promise(setImmediate);
  }
  return { levels: roundedLevels(rounding, floatData(state[feeds.value]!)), curve };
}

/** The columns of {@link factorColumns} for steps `start` to `start + count`. */
function scheduleFeeds(schedule: Schedule, problem: TrainingProblem, start: number, count: number): Record<string, Tensor> {
  const rows = Array.from({ length: count }, (_, i) => {
    const t = start + i;
    const { step, correction } = adamFactors(schedule.rate(t), t + 1);
    const beta = schedule.beta(t);
    return [step, correction, -2 * schedule.lambda(t, problem) * beta, beta - 2];
  });
  return { [feeds.factors]: floatTensor(rows.flat(), [count, factorColumns.length]), [feeds.steps]: int64Tensor([count], []) };
}

/** Feeds of the minibatches: indices into caches in memory; or, where a cache lies in a file, the rows themselves. */
class MinibatchFeeds {
  readonly #named: readonly (readonly [string, Cached])[];
  readonly #inMemory: boolean;
  readonly #samples: number;
  readonly #random: Random;
  readonly #batch: number;

  constructor({ inputs, targets, weights = [], samples, random }: ReconstructionOptions, batch: number) {
    const groups = { input: inputs, target: targets, weight: weights };
    this.#named = Object.entries(groups).flatMap(([group, caches]) => caches.map((cache, i) => [`${group}_${i}`, cache] as const));
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
