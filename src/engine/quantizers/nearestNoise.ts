/** @file A quick estimate of what rounding to nearest costs a layer's weights, without ONNX Runtime. */

/** Shares of a channel's range that are tried; the best one has the least squared error. */
const shares = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];

const estimatedBits = [2, 3, 4, 5, 6, 7, 8];

/**
 * Signal to noise in dB of weights rounded to nearest on a grid per channel, by bits; absent where there is no noise or no signal.
 * @param weights channel-major, [channels, weights a channel]
 * @param most weights that are looked at: whole channels, evenly spread, but at least one
 */
export function nearestSqnr(weights: Float32Array, channels: number, most: number): Record<string, number> {
  const size = weights.length / channels;
  const looked = Math.min(channels, Math.max(1, Math.floor(most / size)));
  const sample = Array.from({ length: looked }, (_, i) => {
    const channel = Math.floor((i * channels) / looked);
    return weights.subarray(channel * size, (channel + 1) * size);
  });
  const signal = sample.reduce((sum, channel) => sum + energy(channel), 0);
  const entries = estimatedBits.map((bits) => {
    const noise = sample.reduce((sum, channel) => sum + leastError(channel, 2 ** bits - 1), 0);
    return [String(bits), 10 * Math.log10(signal / noise)] as const;
  });
  return Object.fromEntries(entries.filter(([, decibels]) => Number.isFinite(decibels)));
}

function leastError(channel: Float32Array, top: number): number {
  let low = 0;
  let high = 0;
  for (const w of channel) {
    if (w < low) low = w;
    if (w > high) high = w;
  }
  if (low === high) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const share of shares) least = Math.min(least, roundingError(channel, low * share, high * share, top));
  return least;
}

/** Sum of squared errors on the grid of `top + 1` levels from `low` to `high`, which holds 0. */
function roundingError(channel: Float32Array, low: number, high: number, top: number): number {
  const scale = (high - low) / top;
  const zero = Math.round(-low / scale);
  let sum = 0;
  for (const w of channel) {
    const level = Math.min(Math.max(Math.round(w / scale) + zero, 0), top);
    const error = w - (level - zero) * scale;
    sum += error * error;
  }
  return sum;
}

function energy(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
