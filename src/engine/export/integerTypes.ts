/** @file Which ONNX type holds integers of so many bits, and what it asks of the model. */
import type { Tensor } from "../onnx/tensor.ts";
import { rawByteLength } from "../onnx/tensorCodec.ts";

export type ExportFormat = "portable" | "native";

export type IntegerType = "uint2" | "uint4" | "uint8";

/** The smallest unsigned type for `bits` in a format: native has 2 and 4 bits (3 go into 4), portable only 8. */
export function integerType(bits: number, format: ExportFormat): IntegerType {
  if (format === "portable" || bits > 4) return "uint8";
  return bits > 2 ? "uint4" : "uint2";
}

/** The operator set and IR version that first have a type (ONNX release notes 1.16 and 1.20). */
export const typeRequirements: Readonly<Record<IntegerType, { opset: number; irVersion: number }>> = {
  uint8: { opset: 13, irVersion: 7 },
  uint4: { opset: 21, irVersion: 10 },
  uint2: { opset: 25, irVersion: 13 },
};

/** The lowest operator set that has the types of integers of these bits. */
export function neededOpset(bits: readonly number[], format: ExportFormat): number {
  return Math.max(0, ...bits.map((count) => typeRequirements[integerType(count, format)].opset));
}

/** A tensor of one of the types. */
export function integerTensor(type: IntegerType, data: Uint8Array, dims: readonly number[]): Tensor {
  return { type, dims, data };
}

/** Bytes of `count` packed integers. */
export function packedBytes(type: IntegerType, count: number): number {
  return rawByteLength(type, count);
}
