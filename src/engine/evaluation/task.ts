/** @file What is measured of a network's outputs depends on its task; all tasks share this. */
import type { Metrics } from "../../config/result.ts";
import type { Dataset } from "../data/dataset.ts";
import type { NumericArray, Tensor } from "../onnx/tensor.ts";

/** Outputs of both networks for some samples, cut to the samples that are real. */
export interface Batch {
  /** The first sample's place in the data set. */
  readonly start: number;
  readonly count: number;
  readonly quantized: Readonly<Record<string, Tensor>>;
  readonly reference: Readonly<Record<string, Tensor>> | undefined;
}

export type TaskMetrics = Pick<Metrics, "fp32" | "quantized" | "agreement" | "psnrToFp32">;

/** Gathers a task's metrics batch by batch. */
export interface Task {
  add(batch: Batch): Promise<void>;
  readonly result: TaskMetrics;
}

export interface TaskOptions {
  readonly dataset: Dataset;
  /** Leading outputs to skip, e.g. 1 for a background class. */
  readonly outputOffset: number;
  /** How outputs become boxes, of detectors. */
  readonly decoder: "yolox" | "nanodet" | "boxes" | undefined;
  readonly boxFormat: "corners" | "center";
  /** Told once of labels that look wrong. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** The tensor cut to `count` of the `batch` samples; unchanged where its first axis is not the samples. */
export function cutToSamples(tensor: Tensor, count: number, batch: number): Tensor {
  const { dims, data } = tensor;
  if (count === batch || dims[0] === undefined || dims[0] % batch !== 0 || Array.isArray(data)) return tensor;
  const numbers = data as NumericArray;
  return { ...tensor, dims: [(dims[0] / batch) * count, ...dims.slice(1)], data: numbers.subarray(0, (numbers.length / batch) * count) };
}

/** The outputs of type float. */
export function floatOutputs(outputs: Readonly<Record<string, Tensor>>): { dims: readonly number[]; data: Float32Array }[] {
  return Object.values(outputs).flatMap(({ type, dims, data }) => (type === "float" && data instanceof Float32Array ? [{ dims, data }] : []));
}
