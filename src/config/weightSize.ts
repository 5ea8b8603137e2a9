/** @file How many bytes and bit-operations bits of layers make: the one rule that the engine and the views share. */
import type { Bits } from "./schema.ts";

/** FP32 counts as 32 bits. */
export function bitCount(bits: Bits): number {
  return bits === "fp32" ? 32 : bits;
}

/** Bits of the container that holds a weight: native files have 2 and 4 bits (3 go into 4), portable ones only 8. */
export function containerBits(bits: number, format: "portable" | "native"): 2 | 4 | 8 {
  if (format === "portable" || bits > 4) return 8;
  return bits > 2 ? 4 : 2;
}

/** Bytes that a layer's weights take in an exported file: packed integers, and a scale and a zero point a channel. */
export function quantizedBytes(weights: number, channels: number, bits: Bits, format: "portable" | "native"): number {
  if (bits === "fp32") return 4 * weights;
  const packed = (count: number) => Math.ceil((count * containerBits(bits, format)) / 8);
  return packed(weights) + 4 * channels + packed(channels);
}
