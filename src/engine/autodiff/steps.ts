/**
 * @file Step functions, which the gradients of piecewise linear operators consist of, in as few passes over memory as ONNX Runtime allows.
 *
 * dy where y > 0, else 0, on a 32x64x56x56 tensor with 2 threads (onnxruntime-node 1.30 on an AMD EPYC, bench/gradientFormulas.ts):
 *   Mul(dy, HardSigmoid(y))        2.0 ms (a plain Mul of two tensors: 1.6)
 *   Mul(dy, Clip(y 2^100, 0, 1))   3.0
 *   Mul(dy, Cast(Greater(y, 0)))   3.6
 *   Where(Greater(y, 0), dy, 0)    5.9 (copies both branches)
 *   Mul(dy, Sign(y))               8.0 (Sign runs on one thread)
 */

import { float } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { DataType } from "../onnx/tensor.ts";
import { scalarOf } from "./emit.ts";

/** max(0, min(1, slope x + offset)), in one pass for float. */
export function clampedLine(builder: GraphBuilder, x: string, type: DataType, slope: number, offset: number): string {
  if (type === "float") return builder.op("HardSigmoid", [x], { alpha: float(slope), beta: float(offset) });
  // ONNX Runtime's HardSigmoid has no double.
  const scaled = builder.op("Mul", [x, scalarOf(builder, slope, type)]);
  const moved = offset === 0 ? scaled : builder.op("Add", [scaled, scalarOf(builder, offset, type)]);
  return builder.op("Clip", [moved, scalarOf(builder, 0, type), scalarOf(builder, 1, type)]);
}

/** 1 where x > bound, else 0. */
export function stepAbove(builder: GraphBuilder, x: string, type: DataType, bound: number): string {
  const slope = steepSlope(bound);
  return clampedLine(builder, x, type, slope, -slope * rounded(bound, type));
}

/** 1 where x < bound, else 0. */
export function stepBelow(builder: GraphBuilder, x: string, type: DataType, bound: number): string {
  const slope = steepSlope(bound);
  return clampedLine(builder, x, type, -slope, slope * rounded(bound, type));
}

/** `low` where x < 0 and `high` where x > 0; something in between at 0. */
export function stepBetween(builder: GraphBuilder, x: string, type: DataType, low: number, high: number): string {
  if (low === 0 && high === 1) return stepAbove(builder, x, type, 0);
  const slope = high > low ? steepSlope(0) : -steepSlope(0);
  const steep = builder.op("Mul", [x, scalarOf(builder, slope, type)]);
  return builder.op("Clip", [steep, scalarOf(builder, Math.min(low, high), type), scalarOf(builder, Math.max(low, high), type)]);
}

/**
 * A slope that takes the smallest difference from the bound to 1 and does not overflow. It is a power of two, so that slope x - slope bound
 * is exact at the bound itself: the step there is exactly 0.
 */
function steepSlope(bound: number): number {
  const exponent = bound === 0 ? 0 : Math.ceil(Math.log2(Math.abs(bound)));
  return 2 ** Math.min(100, 126 - exponent);
}

/** The bound as the forward pass has it. */
function rounded(bound: number, type: DataType): number {
  return type === "float" ? Math.fround(bound) : bound;
}
