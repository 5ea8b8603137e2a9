/**
 * @file How far apart the channels of an activation are, and what brings them together. Behind a layer with a filter of its own for each channel
 * a factor of a channel is a factor of one filter, whose grid follows it: moving factors there costs nothing, and a narrow channel no longer
 * shares the step of the widest.
 */

/** What is known of each channel of an activation, and of the filters that read it. */
export interface ChannelRanges {
  /** Not above 0. */
  readonly low: ArrayLike<number>;
  /** Not below 0. */
  readonly high: ArrayLike<number>;
  /** The sum of a channel's squared weights: so much of a squared error of its values gets through. */
  readonly power: ArrayLike<number>;
}

export interface ChannelBalance {
  /** What each channel is divided by, at most 1. */
  readonly factors: Float32Array;
  /** Squared error behind the filters of one grid for the channels as they are, and as divided. */
  readonly error: number;
  readonly balancedError: number;
}

/** As many zero points are tried as 6 bits have. */
const zeroPoints = 64;
/** A narrower channel is not widened further: float arithmetic has an end. */
const leastFactor = 1e-5;

/**
 * The factors with the least error behind the filters: all channels fill one grid of `bits` bits, whose zero point is chosen for all of them,
 * since values around 0 must stay there.
 */
export function balanceChannels({ low, high, power }: ChannelRanges, bits: number): ChannelBalance {
  const channels = power.length;
  const levels = 2 ** bits - 1;
  let best: { steps: Float64Array; error: number } | undefined;
  const stride = Math.max(1, Math.floor((levels + 1) / zeroPoints));
  for (let zero = 0; zero <= levels; zero += stride) {
    const steps = Float64Array.from({ length: channels }, (_, c) => Math.max(stepOf(-low[c]!, zero), stepOf(high[c]!, levels - zero)));
    const error = errorOf(steps, power);
    if (!best || error < best.error) best = { steps, error };
  }
  const shared = (Math.max(...Array.from(high)) - Math.min(...Array.from(low))) / levels;
  const { steps, error } = best!;
  const widest = Math.max(...steps);
  // A channel that is always 0 may have any factor.
  const factors = Float32Array.from(steps, (step) => (step === 0 || widest === 0 ? 1 : Math.max(step / widest, leastFactor)));
  return { factors, error: errorOf(new Float64Array(channels).fill(shared), power), balancedError: error };
}

function stepOf(range: number, levels: number): number {
  return range <= 0 ? 0 : levels === 0 ? Number.POSITIVE_INFINITY : range / levels;
}

/** Rounding to a step s has the squared error s²/12. */
function errorOf(steps: Float64Array, power: ArrayLike<number>): number {
  return steps.reduce((sum, step, c) => sum + (power[c]! === 0 ? 0 : (step ** 2 / 12) * power[c]!), 0);
}
