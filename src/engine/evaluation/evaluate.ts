/** @file Measuring a quantized network against its FP32 original on images. */
import type { Accuracy, Metrics } from "../../config/result.ts";
import type { Dataset } from "../data/dataset.ts";
import { CancelledError } from "../errors.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import type { Session } from "../runtime/runtime.ts";
import { Agreement, SignalToNoise, TopAccuracy } from "./metrics.ts";

export interface EvaluationOptions {
  /** The FP32 network; undefined where there is none to compare with. */
  readonly reference: Session | undefined;
  readonly quantized: Session;
  /** Name of the input that takes the data; other inputs must not exist. */
  readonly input: string;
  readonly dataset: Dataset;
  /** Samples a call; the model's own where its batch is fixed. */
  readonly batch: number;
  /** Leading outputs to skip, e.g. 1 for a background class. */
  readonly outputOffset: number;
  readonly source: Metrics["source"];
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs both networks on the whole data set. Without a reference, `fp32` is empty and agreement and SQNR are absent. */
export async function evaluate(options: EvaluationOptions): Promise<Metrics> {
  const { reference, quantized, dataset, batch, signal } = options;
  const gathered = new Gathered(options.outputOffset);
  for (let start = 0; start < dataset.count; start += batch) {
    if (signal?.aborted) throw new CancelledError();
    const count = Math.min(batch, dataset.count - start);
    const feeds = { [options.input]: await batchTensor(dataset, start, count, batch) };
    const labels = dataset.labels?.subarray(start, start + count);
    const expected = reference && floatOutputs(await reference.run(feeds), count, batch);
    gathered.add(floatOutputs(await quantized.run(feeds), count, batch), expected, labels, count);
    options.onProgress?.(start + count, dataset.count);
    await new Promise(setImmediate);
  }
  return { ...gathered.result, images: dataset.count, source: options.source };
}

/** A batch; the last one is filled up with zeros, so that a fixed batch is always whole. */
async function batchTensor(dataset: Dataset, start: number, count: number, batch: number): Promise<Tensor> {
  const data = await dataset.read(start, count);
  const row = data.length / count;
  const whole = new Float32Array(batch * row);
  whole.set(data);
  return floatTensor(whole, [batch, ...dataset.dims.slice(1)]);
}

/** The float outputs in order, cut to the samples that are real. */
function floatOutputs(outputs: Record<string, Tensor>, count: number, batch: number): FloatOutput[] {
  return Object.values(outputs).flatMap(({ type, dims, data }) => {
    if (type !== "float" || !(data instanceof Float32Array)) return [];
    return [{ dims, data: dims[0]! % batch === 0 ? data.subarray(0, (data.length / batch) * count) : data }];
  });
}

interface FloatOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

class Gathered {
  readonly #offset: number;
  #accuracy: { fp32: TopAccuracy; quantized: TopAccuracy; agreement: Agreement } | undefined;
  readonly #noise = new SignalToNoise();
  #labelled = false;
  #compared = false;

  constructor(offset: number) {
    this.#offset = offset;
  }

  add(quantized: readonly FloatOutput[], reference: readonly FloatOutput[] | undefined, labels: Int32Array | undefined, count: number): void {
    const classes = classCount(quantized, count);
    if (classes !== undefined) {
      this.#accuracy ??= {
        fp32: new TopAccuracy(classes, this.#offset),
        quantized: new TopAccuracy(classes, this.#offset),
        agreement: new Agreement(classes, this.#offset),
      };
      if (labels) this.#accuracy.quantized.add(quantized[0]!.data, labels);
      if (labels && reference) this.#accuracy.fp32.add(reference[0]!.data, labels);
      if (reference) this.#accuracy.agreement.add(reference[0]!.data, quantized[0]!.data);
      this.#labelled ||= labels !== undefined;
    }
    if (!reference) return;
    this.#compared = true;
    for (const [i, { data }] of reference.entries()) this.#noise.add(data, quantized[i]!.data);
  }

  get result(): Pick<Metrics, "fp32" | "quantized" | "agreement" | "sqnr"> {
    const accuracy: (of: TopAccuracy | undefined) => Accuracy = (of) => (of && this.#labelled ? of.result : {});
    return {
      fp32: this.#compared ? accuracy(this.#accuracy?.fp32) : {},
      quantized: accuracy(this.#accuracy?.quantized),
      agreement: this.#compared ? this.#accuracy?.agreement.result : undefined,
      sqnr: this.#compared ? this.#noise.result : undefined,
    };
  }
}

/** A classifier has one output with one row of classes a sample; further axes, if any, have length 1. */
function classCount(outputs: readonly FloatOutput[], count: number): number | undefined {
  if (outputs.length !== 1) return undefined;
  const { dims, data } = outputs[0]!;
  const isRow = dims.length >= 2 && dims.slice(2).every((dim) => dim === 1);
  return isRow ? data.length / count : undefined;
}
