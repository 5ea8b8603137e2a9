/** @file A tensor's first scale and zero point, from what calibration samples give at it. */
import type { ScaleSearch } from "./scaleSearch.ts";

/** A tensor's scale and zero point. */
export interface ActivationGrid {
  readonly scale: number;
  /** In 0..2^bits-1. */
  readonly zeroPoint: number;
}

/** A geometric series: long tails are cut at few percent of their range at 2 bits. */
export const rangeFactors = Float32Array.from({ length: 110 }, (_, i) => 0.97 ** i);

/**
 * The range that quantizes the values with the least mean |x - x_q|^2.4. It contains 0, so a tensor without negative values (behind a
 * Relu) has the zero point 0.
 */
export async function searchActivationGrid(search: ScaleSearch, values: Float32Array, bits: number): Promise<ActivationGrid> {
  const { scale, zeroPoint } = await search.search(values, 1, bits, rangeFactors);
  return { scale: scale[0]!, zeroPoint: zeroPoint[0]! };
}

/** How many of a tensor's values the search looks at. */
const searchedValues = 2 ** 18;

/** Collects some of a tensor's values, spread evenly over all that it is shown, and always the least and the greatest. */
export class ValueSample {
  readonly #values: number[] = [];
  readonly #share: number;
  #low = 0;
  #high = 0;
  #position = 0;

  /** @param total how many values it will be shown */
  constructor(total: number) {
    this.#share = Math.min(1, searchedValues / total);
  }

  add(values: Float32Array): void {
    for (const value of values) {
      if (value < this.#low) this.#low = value;
      else if (value > this.#high) this.#high = value;
    }
    // Steps of a constant length would see only some columns of an image: each is drawn out or in by the golden ratio.
    for (let n = this.#values.length; ; n++) {
      const index = Math.floor((n + ((n * 0.6180339887498949) % 1)) / this.#share) - this.#position;
      if (index >= values.length) break;
      this.#values.push(values[index]!);
    }
    this.#position += values.length;
  }

  get values(): Float32Array {
    return Float32Array.from([...this.#values, this.#low, this.#high]);
  }
}
