/** @file Top-1, top-5 and agreement of classifiers. */
import type { Dataset } from "../data/dataset.ts";
import { UserError } from "../errors.ts";
import { Agreement, TopAccuracy } from "./metrics.ts";
import { type Batch, floatOutputs, type Task, type TaskMetrics, type TaskOptions } from "./task.ts";

/**
 * The number of outputs of a classifier, a network with one float output [samples, classes], whose further axes, if any,
 * have length 1; undefined of others. A single number is a measurement, not a class.
 */
export function classCount(outputs: Batch["quantized"], samples: number): number | undefined {
  const [output, ...others] = floatOutputs(outputs);
  if (!output || others.length > 0) return undefined;
  const { dims } = output;
  const isRows = dims[0] === samples && dims.length >= 2 && dims.slice(2).every((dim) => dim === 1);
  return isRows && dims[1]! > 1 ? dims[1] : undefined;
}

export class Classification implements Task {
  readonly #options: TaskOptions;
  readonly #classes: number;
  readonly #fp32: TopAccuracy;
  readonly #quantized: TopAccuracy;
  readonly #agreement: Agreement;
  #compared = false;

  /** @throws UserError where labels or the two networks' classes do not go together */
  constructor(options: TaskOptions, classes: number, first: Batch) {
    const { outputOffset } = options;
    checkClasses(options, classes, first);
    this.#options = options;
    this.#classes = classes;
    this.#fp32 = new TopAccuracy(classes, outputOffset);
    this.#quantized = new TopAccuracy(classes, outputOffset);
    this.#agreement = new Agreement(classes, outputOffset);
  }

  async add({ start, quantized, reference }: Batch): Promise<void> {
    const outputs = floatOutputs(quantized)[0]!.data;
    const labels = this.#options.dataset.labels?.subarray(start, start + outputs.length / this.#classes);
    if (labels) this.#quantized.add(outputs, labels);
    if (!reference) return;
    const expected = floatOutputs(reference)[0]!.data;
    if (labels) this.#fp32.add(expected, labels);
    this.#agreement.add(expected, outputs);
    this.#compared = true;
  }

  get result(): TaskMetrics {
    const labelled = this.#options.dataset.labels !== undefined;
    return {
      fp32: labelled && this.#compared ? this.#fp32.result : {},
      quantized: labelled ? this.#quantized.result : {},
      agreement: this.#compared ? this.#agreement.result : undefined,
    };
  }
}

function checkClasses({ outputOffset, dataset, onWarning }: TaskOptions, classes: number, { reference, count }: Batch): void {
  const own = classes - outputOffset;
  if (own < 1) {
    throw new UserError(`"outputOffset" is ${outputOffset}, and the model has only ${classes} outputs.`, { hint: 'Correct it in "evaluation".' });
  }
  const expected = reference && classCount(reference, count);
  if (reference && expected !== classes) {
    throw new UserError(`The model has ${classes} outputs, and the reference ${expected ?? "is not such a classifier"}.`, {
      hint: "Compare a model with the one that it was made from.",
    });
  }
  checkLabels(dataset, own);
  const folders = dataset.rankedFolders;
  if (folders !== undefined && folders !== own) {
    onWarning?.(
      `The evaluation images lie in ${folders} folders, and the model tells ${own} classes apart: the folders' ranks are then hardly ` +
        'the classes\' numbers, and the accuracy is wrong. Name a file with the folder of each class, one a line, as "classes" in "evaluation".',
    );
  }
}

function checkLabels({ labels, names }: Dataset, classes: number): void {
  const beyond = labels?.findIndex((label) => label >= classes) ?? -1;
  if (beyond < 0) return;
  throw new UserError(`The class of "${names[beyond]}" is ${labels![beyond]}, and the model tells ${classes} classes apart, from 0.`, {
    hint: 'Check "labels", "classes" and "outputOffset" in "evaluation".',
  });
}
