/** @file Peak signal-to-noise ratio of networks that give images. */
import type { ImageView } from "../data/dataset.ts";
import { UserError } from "../errors.ts";
import { type Batch, floatOutputs, type Task, type TaskMetrics, type TaskOptions } from "./task.ts";

/** Equal images have no noise; their figure is cut here, so that means and JSON can carry it. */
const bestDecibels = 100;

/**
 * PSNR = 10 log10(255² / mean squared error) of an image, averaged over images. Outputs become pixels as the input's
 * preprocessing is undone, cut to 0..255 and rounded, as an image file would hold them.
 */
export class ImageQuality implements Task {
  readonly #options: TaskOptions;
  readonly #view: ImageView;
  readonly #fp32: number[] = [];
  readonly #quantized: number[] = [];
  readonly #between: number[] = [];

  constructor(options: TaskOptions) {
    const { view } = options.dataset;
    if (!view) throw new Error("internal: targets without images");
    this.#options = options;
    this.#view = view;
  }

  /** @throws UserError where the outputs are not images with the input's channels */
  async add({ start, count, quantized, reference }: Batch): Promise<void> {
    const images = outputImages(quantized, this.#view);
    const expected = reference && outputImages(reference, this.#view);
    for (let i = 0; i < count; i++) {
      const own = images.pixels(i);
      const original = expected?.pixels(i);
      const target = await this.#options.dataset.readTarget!(start + i, images);
      this.#quantized.push(decibels(target, own));
      if (!original) continue;
      this.#fp32.push(decibels(target, original));
      this.#between.push(decibels(original, own));
    }
  }

  get result(): TaskMetrics {
    const accuracy = (values: readonly number[]) => (values.length > 0 ? { psnr: mean(values) } : {});
    return {
      fp32: accuracy(this.#fp32),
      quantized: accuracy(this.#quantized),
      psnrToFp32: this.#between.length > 0 ? mean(this.#between) : undefined,
    };
  }
}

interface OutputImages {
  readonly width: number;
  readonly height: number;
  /** Pixels 0..255 of a sample, channels interleaved. */
  pixels(sample: number): Uint8Array;
}

function outputImages(outputs: Batch["quantized"], { layout, channels, normalization }: ImageView): OutputImages {
  const [output, ...others] = floatOutputs(outputs);
  const [, a, b, c] = output?.dims ?? [];
  const [depth, height, width] = layout === "NCHW" ? [a, b, c] : [c, a, b];
  if (!output || others.length > 0 || output.dims.length !== 4 || depth !== channels) {
    throw new UserError(`"labels" is "images", and the model does not give one output that is an image of ${channels} channels.`, {
      hint: 'Choose other "labels" in "evaluation".',
    });
  }
  const size = width! * height!;
  const [pixelStep, channelStep] = layout === "NCHW" ? [1, size] : [channels, 1];
  const { scale, mean: means, std } = normalization;
  const pixels = (sample: number) => {
    const out = new Uint8Array(size * channels);
    const from = sample * size * channels;
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < channels; k++) {
        const value = output.data[from + i * pixelStep + k * channelStep]!;
        out[i * channels + k] = Math.min(255, Math.max(0, Math.round((value * std[k]! + means[k]!) * scale)));
      }
    }
    return out;
  };
  return { width: width!, height: height!, pixels };
}

function decibels(target: Uint8Array, image: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += (target[i]! - image[i]!) ** 2;
  return sum === 0 ? bestDecibels : Math.min(bestDecibels, 10 * Math.log10((255 ** 2 * target.length) / sum));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
