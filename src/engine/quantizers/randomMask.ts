/** @file Random masks inside a training step. */
import type { Random } from "../data/random.ts";
import { float } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { floatTensor, sizeOf } from "../onnx/tensor.ts";

/** Random bits are drawn once, in rows; a mask is put together of rows drawn anew. RandomUniform for every element takes 14 ms for 32x16x32x32, this 0.3. */
const rows = 1024;
const rowLength = 1024;

/** Makes masks of zeros and ones, each as likely. */
export class RandomMasks {
  readonly #b: GraphBuilder;
  readonly #random: Random;
  #table: string | undefined;

  constructor(b: GraphBuilder, random: Random) {
    this.#b = b;
    this.#random = random;
  }

  /** Emits a mask of this shape that differs at every step of a session; the same seed gives the same sequence. */
  emit(dims: readonly number[]): string {
    const b = this.#b;
    this.#table ??= b.constant(this.#bits());
    const size = sizeOf(dims);
    const count = Math.ceil(size / rowLength);
    const seed = Math.floor(this.#random.next() * 2 ** 24);
    const uniform = b.op("RandomUniform", [], { shape: [count], low: float(0), high: float(rows), seed: float(seed) });
    const picked = b.op("Min", [b.op("Cast", [uniform], { to: 7 }), b.ints([rows - 1])]);
    const flat = b.op("Reshape", [b.op("Gather", [this.#table, picked], { axis: 0 }), b.ints([-1])]);
    const whole = count * rowLength === size;
    return b.op("Reshape", [whole ? flat : b.op("Slice", [flat, b.ints([0]), b.ints([size]), b.ints([0])]), b.ints(dims)]);
  }

  #bits() {
    const bits = Float32Array.from({ length: rows * rowLength }, () => (this.#random.next() < 0.5 ? 0 : 1));
    return floatTensor(bits, [rows, rowLength]);
  }
}
