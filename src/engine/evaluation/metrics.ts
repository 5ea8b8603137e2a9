/** @file Accuracy, agreement and noise, gathered batch by batch. Percentages are 0..100. */

/**
 * The class of row `row` in `outputs` [rows, classes], the first of equals, leaving out `offset` leading outputs;
 * -1 where an output is not a number, so that nothing can be chosen.
 */
export function bestClass(outputs: Float32Array, row: number, classes: number, offset: number): number {
  let best = offset;
  for (let i = offset; i < classes; i++) {
    const output = outputs[row * classes + i]!;
    if (Number.isNaN(output)) return -1;
    if (output > outputs[row * classes + best]!) best = i;
  }
  return best - offset;
}

/**
 * How many outputs of a row are above its labelled class's (equal ones count if they come first): 0 means top-1.
 * Where an output is not a number, the row counts as missed.
 */
export function rankOf(outputs: Float32Array, row: number, classes: number, offset: number, label: number): number {
  const own = outputs[row * classes + offset + label]!;
  let rank = 0;
  for (let i = offset; i < classes; i++) {
    const other = outputs[row * classes + i]!;
    if (Number.isNaN(other)) return classes;
    if (other > own || (other === own && i < offset + label)) rank++;
  }
  return rank;
}

/** Top-1 and top-5 of a classifier. */
export class TopAccuracy {
  #rows = 0;
  #top1 = 0;
  #top5 = 0;

  constructor(
    readonly classes: number,
    readonly offset: number,
  ) {}

  /** `labels` must be below the number of classes. */
  add(outputs: Float32Array, labels: Int32Array): void {
    for (const [row, label] of labels.entries()) {
      const rank = rankOf(outputs, row, this.classes, this.offset, label);
      if (rank < 1) this.#top1++;
      if (rank < 5) this.#top5++;
      this.#rows++;
    }
  }

  /** Top-5 only where there are more than five classes. */
  get result(): { top1: number; top5?: number } {
    const top1 = (100 * this.#top1) / this.#rows;
    return this.classes - this.offset > 5 ? { top1, top5: (100 * this.#top5) / this.#rows } : { top1 };
  }
}

/** Share of rows for which two classifiers choose the same class. */
export class Agreement {
  #rows = 0;
  #same = 0;

  constructor(
    readonly classes: number,
    readonly offset: number,
  ) {}

  add(a: Float32Array, b: Float32Array): void {
    for (let row = 0; row < a.length / this.classes; row++) {
      const chosen = bestClass(a, row, this.classes, this.offset);
      if (chosen >= 0 && chosen === bestClass(b, row, this.classes, this.offset)) this.#same++;
      this.#rows++;
    }
  }

  get result(): number {
    return (100 * this.#same) / this.#rows;
  }
}

/** No more noise than this is told apart, so that a network that gives NaN has a figure that JSON can carry. */
const worstDecibels = -200;

/** Signal to quantization noise in dB: 10 log10(Σ reference² / Σ (reference - quantized)²). */
export class SignalToNoise {
  #signal = 0;
  #noise = 0;

  /** Elements at which the reference itself is not finite, such as masks of -Infinity, are left out. */
  add(reference: ArrayLike<number>, quantized: ArrayLike<number>): void {
    for (let i = 0; i < reference.length; i++) {
      const value = reference[i]!;
      if (!Number.isFinite(value)) continue;
      const difference = value - quantized[i]!;
      this.#signal += value * value;
      this.#noise += Number.isNaN(difference) ? Infinity : difference * difference;
    }
  }

  /** Undefined where there is no noise, or no signal. */
  get result(): number | undefined {
    return this.#noise > 0 && this.#signal > 0 ? Math.max(worstDecibels, 10 * Math.log10(this.#signal / this.#noise)) : undefined;
  }
}
