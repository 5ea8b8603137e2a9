/** @file A dense tensor in memory: the one form in which numbers travel between the parts of the engine. */

import { bfloat16ToNumber, float16ToNumber } from "./float16.ts";

/** Element types, named as in the ONNX text format. */
export type DataType =
  | "float"
  | "double"
  | "float16"
  | "bfloat16"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool"
  | "string"
  | "complex64"
  | "complex128"
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float8e8m0"
  | "float4e2m1"
  | "uint4"
  | "int4"
  | "uint2"
  | "int2";

/** Memory of a numeric tensor: 16-bit and 8-bit floats as raw bits, sub-byte integers one element an entry. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A dense tensor, row-major. */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: NumericArray | readonly string[];
}

/** A `float` tensor. */
export interface FloatTensor extends Tensor {
  readonly type: "float";
  readonly data: Float32Array;
}

/** An `int64` tensor. */
export interface Int64Tensor extends Tensor {
  readonly type: "int64";
  readonly data: BigInt64Array;
}

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A `float` tensor; `dims` default to one axis. */
export function floatTensor(data: Float32Array | readonly number[], dims?: readonly number[]): FloatTensor {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  return { type: "float", dims: dims ?? [array.length], data: array };
}

/** A `float` scalar. */
export function floatScalar(value: number): FloatTensor {
  return floatTensor([value], []);
}

/** An `int64` tensor; `dims` default to one axis. */
export function int64Tensor(data: readonly number[], dims?: readonly number[]): Int64Tensor {
  return { type: "int64", dims: dims ?? [data.length], data: BigInt64Array.from(data, BigInt) };
}

/**
 * The elements of a tensor of real numbers as JavaScript numbers; 64-bit integers lose bits past 2^53.
 * Throws for strings, complex numbers and floats of 8 bits or less.
 */
export function toNumbers(tensor: Tensor): number[] {
  if (tensor.type === "float16") return Array.from(tensor.data as Uint16Array, float16ToNumber);
  if (tensor.type === "bfloat16") return Array.from(tensor.data as Uint16Array, bfloat16ToNumber);
  if (/^(string|complex|float[48])/.test(tensor.type)) throw new Error(`internal: a ${tensor.type} tensor cannot be read as numbers`);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** The data of a `float` tensor; throws where the tensor is of another type. */
export function floatData(tensor: Tensor): Float32Array {
  if (tensor.type !== "float" || !(tensor.data instanceof Float32Array)) {
    throw new Error(`internal: expected a float tensor, got ${tensor.type}`);
  }
  return tensor.data;
}
