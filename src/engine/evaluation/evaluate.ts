/** @file Measuring a quantized network against its FP32 original on a data set. */
import type { Metrics } from "../../config/result.ts";
import type { Dataset } from "../data/dataset.ts";
import { CancelledError } from "../errors.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import type { Session } from "../runtime/runtime.ts";
import { Classification, classCount } from "./classification.ts";
import { DetectionTask } from "./detection.ts";
import { ImageQuality } from "./imageQuality.ts";
import { SignalToNoise } from "./metrics.ts";
import { classMaps, Segmentation } from "./segmentation.ts";
import { type Batch, cutToSamples, floatOutputs, type Task, type TaskOptions } from "./task.ts";

export interface EvaluationOptions {
  /** The FP32 network; undefined where there is none to compare with. */
  readonly reference: Session | undefined;
  readonly quantized: Session;
  /** Name of the input that takes the data; other inputs must not exist. */
  readonly input: string;
  readonly dataset: Dataset;
  /** Samples a call; the model's own where its batch is fixed. */
  readonly batch: number;
  /** How the data set's config reads outputs; by default nothing is skipped, and no decoder is named. */
  readonly outputs?: Partial<Pick<TaskOptions, "outputOffset" | "decoder" | "boxFormat">> | undefined;
  readonly source: Metrics["source"];
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told once of labels that look wrong. */
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs both networks on the whole data set. What is measured depends on the labels: mAP with boxes, mIoU with masks, PSNR
 * with target images; top-1 and top-5 of classifiers with classes. Agreement needs no labels: of classifiers, and of
 * networks that give each pixel of their input's size a class. SQNR is over all float outputs.
 * Without a reference, `fp32` is empty, and agreement and SQNR are absent.
 * @throws UserError where labels and outputs, or the two networks' classes, do not go together; CancelledError
 */
export async function evaluate(options: EvaluationOptions): Promise<Metrics> {
  const { reference, quantized, dataset, batch, signal } = options;
  const noise = new OutputNoise();
  let task: Task | undefined;
  for (let start = 0; start < dataset.count; start += batch) {
    if (signal?.aborted) throw new CancelledError();
    const count = Math.min(batch, dataset.count - start);
    const feeds = { [options.input]: await batchTensor(dataset, start, count, batch) };
    const cut = (outputs: Record<string, Tensor>) =>
      Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, cutToSamples(tensor, count, batch)]));
    const expected = reference && cut(await reference.run(feeds));
    const outputs: Batch = { start, count, quantized: cut(await quantized.run(feeds)), reference: expected };
    if (start === 0) task = chooseTask(options, outputs);
    await task?.add(outputs);
    noise.add(outputs);
    options.onProgress?.(start + count, dataset.count);
    // The native runtime blocks while it runs: between batches, cancelling must get its turn.
    await new Promise(setImmediate);
  }
  const metrics = task?.result ?? { fp32: {}, quantized: {} };
  return { ...metrics, agreement: metrics.agreement, sqnr: noise.result, images: dataset.count, source: options.source };
}

/** The labels decide; without them, the outputs' shapes. Undefined where there is only noise to measure. */
function chooseTask({ dataset, outputs, onWarning }: EvaluationOptions, first: Batch): Task | undefined {
  const options = { outputOffset: 0, decoder: undefined, boxFormat: "corners" as const, ...outputs, dataset, onWarning };
  if (dataset.boxes) return new DetectionTask(options);
  if (dataset.readMask) return new Segmentation(options);
  if (dataset.readTarget) return new ImageQuality(options);
  const classes = classCount(first.quantized, first.count);
  if (classes !== undefined) return new Classification(options, classes, first);
  return isSegmentation(dataset, first) ? new Segmentation(options) : undefined;
}

/** Maps of the input's height and width; those of one, three or four channels are rather images. */
function isSegmentation({ view }: Dataset, { quantized }: Batch): boolean {
  const maps = view && classMaps(quantized, view.layout);
  return maps !== undefined && maps.height === view?.height && maps.width === view.width && maps.classes !== 3 && maps.classes !== 4;
}

/** A batch; the last one is filled up with zeros, so that a fixed batch is always whole. */
async function batchTensor(dataset: Dataset, start: number, count: number, batch: number): Promise<Tensor> {
  const data = await dataset.read(start, count);
  const dims = [batch, ...dataset.dims.slice(1)];
  if (count === batch) return floatTensor(data, dims);
  const whole = new Float32Array((data.length / count) * batch);
  whole.set(data);
  return floatTensor(whole, dims);
}

/** SQNR over all float outputs. */
class OutputNoise {
  readonly #noise = new SignalToNoise();
  #comparable = false;
  #different = false;

  add({ quantized, reference }: Batch): void {
    if (!reference || this.#different) return;
    const [own, expected] = [floatOutputs(quantized), floatOutputs(reference)];
    // Outputs whose length depends on the data, such as lists of boxes, differ between the networks.
    this.#different = expected.length !== own.length || expected.some(({ data }, i) => data.length !== own[i]!.data.length);
    if (this.#different) return;
    for (const [i, { data }] of expected.entries()) this.#noise.add(data, own[i]!.data);
    this.#comparable = true;
  }

  get result(): number | undefined {
    return this.#comparable && !this.#different ? this.#noise.result : undefined;
  }
}
