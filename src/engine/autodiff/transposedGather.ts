/** @file The transpose of picking elements along an axis: what Gather, a strided Slice and a reflecting Pad do backward. */
import type { GraphBuilder } from "../graph/builder.ts";
import { type DataType, sizeOf } from "../onnx/tensor.ts";
import { constantOfType } from "./emit.ts";

/** A gradient and its shape. */
export interface ShapedValue {
  readonly value: string;
  readonly dims: readonly number[];
}

/** Up to this length of the last axis, a product with a one-hot matrix is faster than gathering single elements. */
const longestMatrixAxis = 512;

/**
 * For y = gather(x, indices) along `axis`: the gradient at x, whose length there is `length`. An element that was picked several
 * times gets the sum, one that was not picked gets 0. Made without Scatter, which cannot add before opset 16.
 */
export function transposedGather(
  builder: GraphBuilder,
  dy: ShapedValue,
  axis: number,
  indices: readonly number[],
  length: number,
  type: DataType,
): ShapedValue {
  const dims = dy.dims.with(axis, length);
  // Along the last axis Gather copies element by element: 27 ms for 32x64x56x56, the product with a 56x56 matrix takes 8.
  const asMatrix = sizeOf(dy.dims.slice(axis + 1)) === 1 && length <= longestMatrixAxis && indices.length <= longestMatrixAxis;
  return { dims, value: asMatrix ? byMatrix(builder, dy, axis, indices, length, type) : byGather(builder, dy, axis, indices, length) };
}

function byMatrix(builder: GraphBuilder, dy: ShapedValue, axis: number, indices: readonly number[], length: number, type: DataType): string {
  const oneHot = new Array<number>(indices.length * length).fill(0);
  indices.forEach((index, row) => {
    oneHot[row * length + index] = 1;
  });
  const matrix = constantOfType(builder, oneHot, [indices.length, length], type);
  if (axis === dy.dims.length - 1) return builder.op("MatMul", [dy.value, matrix]);
  const rows = builder.op("Reshape", [dy.value, builder.ints([...dy.dims.slice(0, axis), indices.length])]);
  const product = builder.op("MatMul", [rows, matrix]);
  return builder.op("Reshape", [product, builder.ints(dy.dims.with(axis, length))]);
}

/** One Gather for the first pick of every element, one more for the second, and so on. */
function byGather(builder: GraphBuilder, dy: ShapedValue, axis: number, indices: readonly number[], length: number): string {
  const picks = Array.from({ length }, (): number[] => []);
  indices.forEach((index, position) => {
    picks[index]!.push(position);
  });
  const most = picks.reduce((max, list) => Math.max(max, list.length), 0);
  const least = picks.reduce((min, list) => Math.min(min, list.length), most);
  // A slice of zeros after the end stands for "not picked".
  const source = least < most ? padOneAfter(builder, dy, axis) : dy.value;
  const nothing = indices.length;
  const layers = Array.from({ length: most }, (_, layer) =>
    builder.op("Gather", [source, builder.ints(picks.map((list) => list[layer] ?? nothing))], { axis }),
  );
  return layers.reduce((sum, layer) => builder.op("Add", [sum, layer]));
}

function padOneAfter(builder: GraphBuilder, { value, dims }: ShapedValue, axis: number): string {
  const rank = dims.length;
  return builder.op("Pad", [value, builder.ints(new Array<number>(2 * rank).fill(0).with(rank + axis, 1))]);
}
