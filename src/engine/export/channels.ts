/** @file Going through weights with the channel of each. */
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";

type Channels = Pick<WeightQuantization, "dims" | "axis" | "values">;

/** Calls `visit` with each integer and the number of its channel. */
export function forEachWeight({ dims, axis, values }: Channels, visit: (value: number, channel: number, index: number) => void): void {
  const channels = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  values.forEach((value, i) => {
    visit(value, Math.floor(i / inner) % channels, i);
  });
}

/** The integers with what each channel has in `added` added; the sums must be in 0..255. */
export function addPerChannel(weights: Channels, added: ArrayLike<number>): Uint8Array {
  const sums = new Uint8Array(weights.values.length);
  forEachWeight(weights, (value, channel, i) => {
    sums[i] = value + added[channel]!;
  });
  return sums;
}
