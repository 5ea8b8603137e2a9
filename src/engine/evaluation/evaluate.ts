/** @file Measuring a quantized network against its FP32 original on a data set. */
import type { Accuracy, Metrics } from "../../config/result.ts";
import type { Dataset } from "../data/dataset.ts";
import { CancelledError, UserError } from "../errors.ts";
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
  /** Told once of labels that look wrong. */
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs both networks on the whole data set. Top-1, top-5 and agreement are measured of classifiers: networks with one
 * float output [batch, classes], whose further axes, if any, have length 1. SQNR is over all float outputs.
 * Without a reference, `fp32` is empty, and agreement and SQNR are absent.
 * @throws UserError where labels or the two networks' classes do not go together; CancelledError
 */
export async function evaluate(options: EvaluationOptions): Promise<Metrics> {
  const { reference, quantized, dataset, batch, signal } = options;
  const measures = new Measures(options);
  for (let start = 0; start < dataset.count; start += batch) {
    if (signal?.aborted) throw new CancelledError();
    const count = Math.min(batch, dataset.count - start);
    const feeds = { [options.input]: await batchTensor(dataset, start, count, batch) };
    const expected = reference && floatOutputs(await reference.run(feeds), count, batch);
    measures.add(start, floatOutputs(await quantized.run(feeds), count, batch), expected);
    options.onProgress?.(start + count, dataset.count);
    // The native runtime blocks while it runs: between batches, cancelling must get its turn.
    await new Promise(setImmediate);
  }
  return { ...measures.result, images: dataset.count, source: options.source };
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

interface FloatOutput {
  /** Length of the row of classes, where the output has one a sample. */
  readonly classes: number | undefined;
  readonly data: Float32Array;
}

/** The float outputs in order, cut to the samples that are real. */
function floatOutputs(outputs: Record<string, Tensor>, count: number, batch: number): FloatOutput[] {
  return Object.values(outputs).flatMap(({ type, dims, data }) => {
    if (type !== "float" || !(data instanceof Float32Array)) return [];
    const isRows = dims[0] === batch && dims.length >= 2 && dims.slice(2).every((dim) => dim === 1);
    const perSample = dims[0] !== undefined && dims[0] % batch === 0;
    return [{ classes: isRows ? dims[1] : undefined, data: perSample ? data.subarray(0, (data.length / batch) * count) : data }];
  });
}

/** The measures of classifiers, for one number of classes. */
class ClassMeasures {
  readonly fp32: TopAccuracy;
  readonly quantized: TopAccuracy;
  readonly agreement: Agreement;

  constructor(
    readonly classes: number,
    offset: number,
  ) {
    this.fp32 = new TopAccuracy(classes, offset);
    this.quantized = new TopAccuracy(classes, offset);
    this.agreement = new Agreement(classes, offset);
  }
}

class Measures {
  readonly #options: EvaluationOptions;
  readonly #noise = new SignalToNoise();
  #comparable = true;
  #classifier: ClassMeasures | undefined;

  constructor(options: EvaluationOptions) {
    this.#options = options;
  }

  /** Adds the outputs for samples from `start` on. */
  add(start: number, quantized: readonly FloatOutput[], reference: readonly FloatOutput[] | undefined): void {
    const classes = classCount(quantized);
    if (classes !== undefined) this.#addClasses(start, classes, quantized[0]!.data, reference);
    if (!reference) return;
    // Outputs whose length depends on the data, such as lists of boxes, differ between the networks.
    this.#comparable &&= reference.length === quantized.length && reference.every(({ data }, i) => data.length === quantized[i]!.data.length);
    if (!this.#comparable) return;
    for (const [i, { data }] of reference.entries()) this.#noise.add(data, quantized[i]!.data);
  }

  #addClasses(start: number, classes: number, quantized: Float32Array, reference: readonly FloatOutput[] | undefined): void {
    const { outputOffset, dataset } = this.#options;
    const first = !this.#classifier;
    this.#classifier ??= new ClassMeasures(classes, outputOffset);
    if (first) this.#checkClasses(classes, reference);
    const labels = dataset.labels?.subarray(start, start + quantized.length / classes);
    if (labels) this.#classifier.quantized.add(quantized, labels);
    if (!reference) return;
    if (labels) this.#classifier.fp32.add(reference[0]!.data, labels);
    this.#classifier.agreement.add(reference[0]!.data, quantized);
  }

  #checkClasses(classes: number, reference: readonly FloatOutput[] | undefined): void {
    const { outputOffset, dataset, onWarning } = this.#options;
    const own = classes - outputOffset;
    if (own < 1) {
      throw new UserError(`"outputOffset" is ${outputOffset}, and the model has only ${classes} outputs.`, { hint: 'Correct it in "evaluation".' });
    }
    if (reference && classCount(reference) !== classes) {
      throw new UserError(`The model has ${classes} outputs, and the reference ${classCount(reference) ?? "is not such a classifier"}.`, {
        hint: "Compare a model with the one that it was made from.",
      });
    }
    const beyond = dataset.labels?.findIndex((label) => label >= own) ?? -1;
    if (beyond >= 0) {
      throw new UserError(
        `The class of "${dataset.names[beyond]}" is ${dataset.labels![beyond]}, and the model tells ${own} classes apart, from 0.`,
        {
          hint: 'Check "labels", "classes" and "outputOffset" in "evaluation".',
        },
      );
    }
    const folders = dataset.rankedFolders;
    if (folders !== undefined && folders !== own) {
      onWarning?.(
        `The evaluation images lie in ${folders} folders, and the model tells ${own} classes apart: the folders' ranks are then hardly ` +
          'the classes\' numbers, and the accuracy is wrong. Name a file with the folder of each class, one a line, as "classes" in "evaluation".',
      );
    }
  }

  get result(): Pick<Metrics, "fp32" | "quantized" | "agreement" | "sqnr"> {
    const { reference, dataset } = this.#options;
    const accuracy = (of: TopAccuracy | undefined): Accuracy => (of && dataset.labels ? of.result : {});
    return {
      fp32: reference ? accuracy(this.#classifier?.fp32) : {},
      quantized: accuracy(this.#classifier?.quantized),
      agreement: reference ? this.#classifier?.agreement.result : undefined,
      sqnr: reference && this.#comparable ? this.#noise.result : undefined,
    };
  }
}

/** The number of outputs of a classifier; a single number is a measurement, not a class. */
function classCount(outputs: readonly FloatOutput[]): number | undefined {
  const [output, ...others] = outputs;
  return others.length === 0 && output?.classes !== undefined && output.classes > 1 ? output.classes : undefined;
}
