/** @file Seeded random numbers for tests. */
import type { Tensor } from "../../src/engine/onnx/tensor.ts";
import { sizeOf } from "../../src/engine/onnx/tensor.ts";

/** Random numbers that are the same in every run. */
export class TestRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [low, high). The generator is mulberry32. */
  uniform(low = 0, high = 1): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return low + (((t ^ (t >>> 14)) >>> 0) / 4294967296) * (high - low);
  }

  /** An integer in [low, high]. */
  integer(low: number, high: number): number {
    return Math.floor(this.uniform(low, high + 1));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.integer(0, values.length - 1)]!;
  }

  /** A `double` tensor with elements uniform in [low, high). */
  tensor(dims: readonly number[], low = -2, high = 2): Tensor & { data: Float64Array } {
    return { type: "double", dims, data: Float64Array.from({ length: sizeOf(dims) }, () => this.uniform(low, high)) };
  }

  /** As {@link tensor}, with no element nearer than `margin` to one of `kinks`. */
  tensorAwayFrom(kinks: readonly number[], dims: readonly number[], low = -2, high = 2, margin = 0.01): Tensor & { data: Float64Array } {
    const draw = (): number => {
      const value = this.uniform(low, high);
      return kinks.some((kink) => Math.abs(value - kink) < margin) ? draw() : value;
    };
    return { type: "double", dims, data: Float64Array.from({ length: sizeOf(dims) }, draw) };
  }

  /** A `double` tensor whose elements all differ by at least 0.05, in random order: for maxima and the like. */
  distinctTensor(dims: readonly number[]): Tensor & { data: Float64Array } {
    const count = sizeOf(dims);
    const data = Float64Array.from({ length: count }, (_, i) => (i - count / 2) * 0.1 + this.uniform(0, 0.05));
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [data[i], data[j]] = [data[j]!, data[i]!];
    }
    return { type: "double", dims, data };
  }
}
