/** @file Operators that are a constant matrix along each axis, such as resizing and average pooling, and their transposes. */
import type { GraphBuilder } from "../graph/builder.ts";
import { type DataType, sizeOf } from "../onnx/tensor.ts";
import { constantOfType } from "./emit.ts";

/** The matrix [output, input] by which an operator maps one axis, row-major. */
export interface AxisMatrix {
  readonly axis: number;
  readonly output: number;
  readonly input: number;
  readonly values: readonly number[];
}

/** A longer matrix is not worth its memory: 64 MB in float. */
export const largestMatrix = 2 ** 24;

/** A matrix from its elements. */
export function axisMatrix(axis: number, output: number, input: number, element: (row: number, column: number) => number): AxisMatrix {
  const values = Array.from({ length: output * input }, (_, i) => element(Math.floor(i / input), i % input));
  return { axis, output, input, values };
}

/** Multiplies a gradient of shape `dims` by the transpose of every matrix, each along its axis. */
export function multiplyByTransposes(
  b: GraphBuilder,
  gradient: string,
  dims: readonly number[],
  matrices: readonly AxisMatrix[],
  type: DataType,
): string {
  let value = gradient;
  let shape = [...dims];
  for (const matrix of matrices) {
    value = multiplyByTranspose(b, value, shape, matrix, type);
    shape = shape.with(matrix.axis, matrix.input);
  }
  return value;
}

function multiplyByTranspose(b: GraphBuilder, value: string, dims: readonly number[], matrix: AxisMatrix, type: DataType): string {
  const { axis, output, input, values } = matrix;
  if (axis === dims.length - 1) return b.op("MatMul", [value, constantOfType(b, values, [output, input], type)]);
  const transposed = Array.from({ length: values.length }, (_, i) => values[(i % output) * input + Math.floor(i / output)]!);
  const left = constantOfType(b, transposed, [input, output], type);
  if (axis === dims.length - 2) return b.op("MatMul", [left, value]);
  const after = dims.slice(axis + 1);
  const stacked = b.op("Reshape", [value, b.ints([...dims.slice(0, axis), output, sizeOf(after)])]);
  return b.op("Reshape", [b.op("MatMul", [left, stacked]), b.ints([...dims.slice(0, axis), input, ...after])]);
}

/** How often the matrix repeats every input element, where it does only that; else undefined. */
export function repeatsOf({ output, input, values }: AxisMatrix): number | undefined {
  const repeat = output / input;
  if (!Number.isInteger(repeat)) return undefined;
  return values.every((value, i) => value === (Math.floor(Math.floor(i / input) / repeat) === i % input ? 1 : 0)) ? repeat : undefined;
}
