/** @file How a network's outputs become boxes. */
import type { Detection } from "../../data/box.ts";
import { UserError } from "../../errors.ts";
import type { Tensor } from "../../onnx/tensor.ts";

/** Outputs of one batch by name, in the model's order. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** The image that the model sees. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes the detections of one sample of a batch, after non-maximum suppression, in pixels of the canvas.
 * @throws UserError where the outputs are not such as the decoder reads
 */
export type Decoder = (outputs: Outputs, sample: number) => Detection[];

/** A float output's rows for one sample. */
export interface Rows {
  readonly count: number;
  readonly length: number;
  readonly data: Float32Array;
}

/** Sample `sample` of an output [batch, count, length]. */
export function rowsOf({ dims, data }: Tensor, sample: number): Rows {
  const [, count, length] = dims as [number, number, number];
  return { count, length, data: (data as Float32Array).subarray(sample * count * length, (sample + 1) * count * length) };
}

/** The shapes of outputs, for messages. */
export function describeOutputs(outputs: Outputs): string {
  return Object.entries(outputs)
    .map(([name, { type, dims }]) => `${name}: ${type} [${dims.join(", ")}]`)
    .join("; ");
}

export function wrongOutputs(decoder: string, wanted: string, outputs: Outputs): UserError {
  return new UserError(`The decoder "${decoder}" reads ${wanted}, and the model gives ${describeOutputs(outputs)}.`, {
    hint: 'Choose another "decoder" in "evaluation".',
  });
}

/** The number of cells of the grids of several strides, as networks of feature pyramids have. */
export function cellCount({ width, height }: Canvas, strides: readonly number[]): number {
  return strides.reduce((sum, stride) => sum + Math.ceil(width / stride) * Math.ceil(height / stride), 0);
}

/** Calls `visit` for each cell of each grid in the order of its row: strides, then y, then x. */
export function forEachCell(
  { width, height }: Canvas,
  strides: readonly number[],
  visit: (row: number, x: number, y: number, stride: number) => void,
): void {
  let row = 0;
  for (const stride of strides) {
    for (let y = 0; y < Math.ceil(height / stride); y++) {
      for (let x = 0; x < Math.ceil(width / stride); x++) visit(row++, x, y, stride);
    }
  }
}
