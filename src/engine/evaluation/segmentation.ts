/** @file Mean intersection over union, and agreement pixel by pixel, of networks that give each pixel a class. */
import type { Accuracy } from "../../config/result.ts";
import { ignoredClass } from "../data/maskOnCanvas.ts";
import type { Size } from "../data/preprocess.ts";
import { UserError } from "../errors.ts";
import { type Batch, floatOutputs, type Task, type TaskMetrics, type TaskOptions } from "./task.ts";

/** Scores of classes for each pixel. */
export interface ClassMaps extends Size {
  readonly classes: number;
  readonly data: Float32Array;
  readonly layout: "NCHW" | "NHWC";
}

/** The class maps of a network with one float output of four axes, laid out as its input; undefined of others. */
export function classMaps(outputs: Batch["quantized"], layout: "NCHW" | "NHWC"): ClassMaps | undefined {
  const [output, ...others] = floatOutputs(outputs);
  if (!output || others.length > 0 || output.dims.length !== 4) return undefined;
  const [, a, b, c] = output.dims as [number, number, number, number];
  const [classes, height, width] = layout === "NCHW" ? [a, b, c] : [c, a, b];
  return classes > 1 ? { classes, height, width, data: output.data, layout } : undefined;
}

export class Segmentation implements Task {
  readonly #options: TaskOptions;
  readonly #layout: "NCHW" | "NHWC";
  #fp32: ConfusionCounts | undefined;
  #quantized: ConfusionCounts | undefined;
  #pixels = 0;
  #same = 0;

  constructor(options: TaskOptions) {
    this.#options = options;
    this.#layout = options.dataset.view?.layout ?? "NCHW";
  }

  /** @throws UserError where the outputs are no maps of classes, or a mask has a class that they do not */
  async add({ start, count, quantized, reference }: Batch): Promise<void> {
    const { dataset, outputOffset } = this.#options;
    const maps = requireMaps(quantized, this.#layout);
    const expected = reference && requireMaps(reference, this.#layout);
    const classes = maps.classes - outputOffset;
    for (let i = 0; i < count; i++) {
      const chosen = bestClasses(maps, i, outputOffset);
      const original = expected && bestClasses(expected, i, outputOffset);
      if (original) this.#compare(original, chosen);
      const truth = await dataset.readMask?.(start + i, maps);
      if (!truth) continue;
      requireClasses(truth, classes, dataset.names[start + i]!);
      this.#quantized ??= new ConfusionCounts(classes);
      this.#quantized.add(truth, chosen);
      if (!original) continue;
      this.#fp32 ??= new ConfusionCounts(classes);
      this.#fp32.add(truth, original);
    }
  }

  #compare(a: Uint16Array, b: Uint16Array): void {
    this.#pixels += a.length;
    for (let i = 0; i < a.length; i++) if (a[i] === b[i]) this.#same++;
  }

  get result(): TaskMetrics {
    const accuracy = (counts: ConfusionCounts | undefined): Accuracy => (counts ? { miou: counts.meanOverlap } : {});
    return {
      fp32: accuracy(this.#fp32),
      quantized: accuracy(this.#quantized),
      agreement: this.#pixels > 0 ? (100 * this.#same) / this.#pixels : undefined,
    };
  }
}

/** How many pixels of each class are true, chosen, and both. */
class ConfusionCounts {
  readonly #truth: Float64Array;
  readonly #chosen: Float64Array;
  readonly #both: Float64Array;

  constructor(classes: number) {
    this.#truth = new Float64Array(classes);
    this.#chosen = new Float64Array(classes);
    this.#both = new Float64Array(classes);
  }

  add(truth: Uint8Array, chosen: Uint16Array): void {
    for (const [i, label] of truth.entries()) {
      if (label === ignoredClass) continue;
      const own = chosen[i]!;
      this.#truth[label]!++;
      this.#chosen[own]!++;
      if (own === label) this.#both[label]!++;
    }
  }

  /** Percent; over the classes that are true or chosen anywhere in the data, as PASCAL VOC pools them. */
  get meanOverlap(): number {
    const overlaps = [...this.#both].flatMap((both, i) => {
      const union = this.#truth[i]! + this.#chosen[i]! - both;
      return union > 0 ? [both / union] : [];
    });
    return overlaps.length > 0 ? (100 * overlaps.reduce((sum, overlap) => sum + overlap, 0)) / overlaps.length : 0;
  }
}

/** The best class of each pixel of one sample, the first of equals, leaving out `offset` leading ones. */
function bestClasses({ classes, width, height, data, layout }: ClassMaps, sample: number, offset: number): Uint16Array {
  const pixels = width * height;
  const [pixelStep, classStep] = layout === "NCHW" ? [1, pixels] : [classes, 1];
  const chosen = new Uint16Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const at = sample * pixels * classes + i * pixelStep;
    let best = offset;
    for (let c = offset + 1; c < classes; c++) if (data[at + c * classStep]! > data[at + best * classStep]!) best = c;
    chosen[i] = best - offset;
  }
  return chosen;
}

function requireMaps(outputs: Batch["quantized"], layout: "NCHW" | "NHWC"): ClassMaps {
  const maps = classMaps(outputs, layout);
  if (maps) return maps;
  throw new UserError('"labels" is "masks", and the model does not give one output with a score of each class for each pixel.', {
    hint: 'Choose other "labels" in "evaluation".',
  });
}

function requireClasses(truth: Uint8Array, classes: number, name: string): void {
  const beyond = truth.find((label) => label >= classes && label !== ignoredClass);
  if (beyond === undefined) return;
  throw new UserError(`The mask of "${name}" has the class ${beyond}, and the model tells ${classes} classes apart, from 0.`, {
    hint: 'Check "masks" and "outputOffset" in "evaluation"; pixels of 255 do not count.',
  });
}
