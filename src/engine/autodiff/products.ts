/** @file Matrix products with transposed factors, and sums by products with ones. */
import { type GraphBuilder, microsoftDomain } from "../graph/builder.ts";
import type { DataType } from "../onnx/tensor.ts";
import { constantOfType, reshapeTo } from "./emit.ts";

/** Which factors of a product are transposed (their last two axes). */
export interface Transposed {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** The product of two values of rank `rank` (2 or more each), with broadcasting of the leading axes. */
export function matrixProduct(builder: GraphBuilder, a: string, b: string, transposed: Transposed, rank: number, type: DataType): string {
  if (!transposed.a && !transposed.b) return builder.op("MatMul", [a, b]);
  if (type === "float") {
    const attributes = { transA: transposed.a ? 1 : 0, transB: transposed.b ? 1 : 0 };
    return builder.op("FusedMatMul", [a, b], attributes, { domain: microsoftDomain });
  }
  // ONNX Runtime's FusedMatMul has no double.
  const turn = (value: string) => swapLastAxes(builder, value, rank);
  return builder.op("MatMul", [transposed.a ? turn(a) : a, transposed.b ? turn(b) : b]);
}

/** Exchanges the last two axes. */
export function swapLastAxes(builder: GraphBuilder, value: string, rank: number): string {
  const perm = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return builder.op("Transpose", [value], { perm });
}

/**
 * Sums the `rows` rows of a value of shape `from`, where `from` holds rows × `size` elements, to shape [size]. For many rows this is
 * far faster than ReduceSum, which goes over the first axis on one thread (36 against 1.5 ms for [32, 589824]).
 */
export function sumRows(builder: GraphBuilder, value: string, from: readonly number[], rows: number, size: number, type: DataType): string {
  if (rows === 1) return reshapeTo(builder, value, from, [size]);
  const matrix = reshapeTo(builder, value, from, [rows, size]);
  return builder.op("MatMul", [constantOfType(builder, new Array<number>(rows).fill(1), [rows], type), matrix]);
}
