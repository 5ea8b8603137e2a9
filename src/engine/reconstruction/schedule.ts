/** @file The course of a block's training: rate, annealing of the rounding regularizer, number of steps. */
import type { RunConfig } from "../../config/schema.ts";

/** What a block's training starts from. */
export interface TrainingProblem {
  /** Reconstruction loss with nearest rounding. */
  readonly loss: number;
  /** Number of weights that are rounded. */
  readonly weights: number;
  /** Whether layers with groups are among them. */
  readonly grouped: boolean;
}

/** What of a block's size its training depends on. */
export interface BlockSize {
  /** Number of weights that are rounded. */
  readonly weights: number;
  /** How many layers are trained at once. */
  readonly layers: number;
  /** Positions of a sample at the block's output: height times width. */
  readonly positions: number;
  /** Calibration samples. */
  readonly samples: number;
}

/** Everything about a block's training that is chosen before it starts. */
export interface Schedule {
  readonly steps: number;
  readonly batch: number;
  /** How much of what a block is trained on comes from the FP32 network, the rest from the quantized layers before it. */
  readonly fp32Share: number;
  /** Adam's rate at step `t` of `steps`, from 0. */
  readonly rate: (t: number) => number;
  /** Adam's rate for step sizes of weights and for biases, each in its own unit; undefined: they stay as they are. */
  readonly channelRate?: ((t: number) => number) | undefined;
  /** Weight of the rounding regularizer. */
  readonly lambda: (t: number, problem: TrainingProblem) => number;
  /** Exponent of the rounding regularizer. */
  readonly beta: (t: number) => number;
}

const betaStart = 20;
const betaEnd = 2;

/**
 * β falls linearly from 20 to 2 (published code; the docstring there says cosine, the code is linear).
 * @param from the share of the steps at which it starts to fall
 * @param to the share at which it is there
 */
function annealedBeta(t: number, steps: number, from: number, to: number): number {
  const progress = Math.max(0, (t / steps - from) / (to - from));
  return betaEnd + (betaStart - betaEnd) * Math.max(0, 1 - progress);
}

/** The share of the published recipe's steps that are taken without a regularizer. */
const publishedWarmup = 0.2;

/** The published recipe: 20,000 steps on 32 samples at a constant rate of 1e-3, λ = 0.01, of MobileNetV2 0.1. */
export function publishedSchedule(): Schedule {
  const steps = 20_000;
  return {
    steps,
    batch: 32,
    fp32Share: 0,
    rate: () => 1e-3,
    lambda: (t, { grouped }) => (t < publishedWarmup * steps ? 0 : grouped ? 0.1 : 0.01),
    beta: (t) => annealedBeta(t, steps, publishedWarmup, 1),
  };
}

/** Half the published number of samples a step: more steps in the same time. */
const shortBatch = 16;
/** Large images show a step many positions each: fewer of them will do. */
const leastBatch = 4;
const manyPositions = 1024;
/** Adam's rate while it is constant, and the share of it that is left at the end. */
const shortRate = 9e-2;
const shortRateFloor = 0.1;
/** Beyond so many layers trained at once the rate falls in proportion: the steps of all together would be too large. */
const fewLayers = 6;
/** Only a small β moves weights off the middle, and few steps leave too little time for that at the very end. */
const shortBetaEnd = 0.88;
/** Where the calibration samples have few positions in all, a block that made up for all errors before it would learn the errors of these samples. */
const fewPositionsInAll = 50_000;
const halfway = 0.5;
/** The rate of step sizes and biases, as a share of the rounding's. */
const shortChannelShare = 0.2;
/** λ Σ 1 over all weights, as a multiple of the loss with nearest rounding. */
const relativeLambda = 600;

/**
 * Few steps at ninety times the published rate, constant for the first half and then falling, with the regularizer from the first step on. Its
 * weight follows the block's loss: an absolute one would be too weak for networks with large activations and
 * too strong at many bits (docs/decisions/schedule.md has the figures that this was chosen by).
 */
export function shortSchedule(steps: number, { layers, positions, samples }: Omit<BlockSize, "weights">): Schedule {
  const start = shortRate * Math.min(1, fewLayers / layers);
  const rate = (t: number) => start * Math.max(shortRateFloor, Math.min(1, 2 * (1 - t / steps)));
  return {
    steps,
    batch: Math.min(shortBatch, Math.max(leastBatch, Math.round((shortBatch * manyPositions) / positions))),
    fp32Share: samples * positions < fewPositionsInAll ? halfway : 0,
    rate,
    channelRate: (t) => shortChannelShare * rate(t),
    lambda: (_t, { loss, weights }) => (relativeLambda * loss) / weights,
    beta: (t) => annealedBeta(t, steps, 0, shortBetaEnd),
  };
}

/**
 * The schedule of a block of this size in a network whose quantized layers have these bits: as the run says, or the engine's choice.
 * With 8 bits everywhere, nearest rounding is as good. AdaRound trains the rounding alone, on what the quantized layers before give.
 */
export function chooseSchedule({ steps, method }: Pick<RunConfig, "steps" | "method">, bits: readonly number[], block: BlockSize): Schedule {
  if (steps === "published") return publishedSchedule();
  const schedule = shortSchedule(steps ?? defaultSteps(bits, block.weights), block);
  return method === "adaround" ? { ...schedule, channelRate: undefined, fp32Share: 0 } : schedule;
}

/** Blocks with more weights than these take more steps. */
const manyWeights = 100_000;

/** The engine's choice of steps: fewer bits, and more weights, leave more to be gained. */
function defaultSteps(bits: readonly number[], weights: number): number {
  const least = Math.min(...bits);
  if (least >= 8) return 0;
  return least >= 4 && weights <= manyWeights ? 400 : 600;
}

/** The training of activations' step sizes. */
export interface ScaleSchedule {
  /** Steps after the rounding is settled; where both are trained together, none of its own. */
  readonly steps: number;
  /** Adam's rate at step `t` of `steps`. */
  readonly rate: (t: number, steps: number) => number;
  /** Whether the rate is a share of the step size's start. */
  readonly relative: boolean;
}

/** The published rates are of this order for step sizes of any size; the short schedule's are shares of the step size. */
const publishedScaleSteps = 5_000;
const publishedScaleRate = 4e-4;
const publishedJointRate = 4e-5;
const shortScaleRate = 2e-2;
const shortJointRate = 1e-2;

/** Falls to zero along half a cosine. */
function cosine(t: number, steps: number): number {
  return (1 + Math.cos((Math.PI * t) / steps)) / 2;
}

/**
 * The training of step sizes in a network whose quantized activations have these bits: as published (BRECQ: 5,000 steps at 4e-4; QDrop: with
 * the rounding, at 4e-5), half of the run's steps, or the engine's choice. 8 bits lose next to nothing with searched ranges.
 * @param joint whether they are trained together with the rounding
 */
export function chooseScaleSchedule(steps: RunConfig["steps"], bits: readonly number[], joint: boolean): ScaleSchedule {
  if (steps === "published") {
    const rate = joint ? publishedJointRate : publishedScaleRate;
    return { steps: joint ? 0 : publishedScaleSteps, rate: (t, all) => rate * cosine(t, all), relative: false };
  }
  const own = steps === undefined ? (Math.min(8, ...bits) >= 8 ? 0 : 300) : Math.ceil(steps / 2);
  const rate = joint ? shortJointRate : shortScaleRate;
  return { steps: joint ? 0 : own, rate: (t, all) => rate * cosine(t, all), relative: true };
}
