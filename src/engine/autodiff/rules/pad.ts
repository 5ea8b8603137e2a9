/** @file Gradient of Pad. */
import { stringAttribute } from "../../graph/attributes.ts";
import { constantInts, normalizeAxis } from "../axes.ts";
import { outputGradient, unsupported } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { type ShapedValue, transposedGather } from "../transposedGather.ts";

export const padRule: GradientRule = (context) => {
  const { node } = context;
  if (context.wants(2)) throw unsupported(node, "does not reach its fill value");
  const { before, after } = fullPads(context);
  const mode = stringAttribute(node, "mode", "constant");
  if (mode === "constant") return [unpad(context, before, after)];
  if ([...before, ...after].some((pad) => pad < 0)) throw unsupported(node, `with negative pads in the mode "${mode}" is not known`);
  return [fold(context, before, mode)];
};

/** Pads by axis of the input; axes that the node does not name get none. */
function fullPads(context: RuleContext): { before: number[]; after: number[] } {
  const dims = context.shapeOf(context.node.input[0]!);
  const pads = constantInts(context, 1, "pads")!;
  const axes = constantInts(context, 3, "axes") ?? dims.map((_, axis) => axis);
  const before = dims.map(() => 0);
  const after = dims.map(() => 0);
  axes.forEach((given, i) => {
    const axis = normalizeAxis(given, dims.length);
    before[axis] = pads[i]!;
    after[axis] = pads[axes.length + i]!;
  });
  return { before, after };
}

/** The padding cut off; what negative pads had cut off comes back as zeros. */
function unpad(context: RuleContext, before: readonly number[], after: readonly number[]): string {
  const { builder, node, shapeOf } = context;
  const dy = outputGradient(context);
  const pads = [...before, ...after];
  if (pads.some((pad) => pad < 0)) return builder.op("Pad", [dy, builder.ints(pads.map((pad) => -pad))]);
  const dims = shapeOf(node.input[0]!);
  const axes = dims.map((_, axis) => axis).filter((axis) => before[axis]! > 0 || after[axis]! > 0);
  if (axes.length === 0) return dy;
  const starts = axes.map((axis) => before[axis]!);
  const ends = axes.map((axis) => before[axis]! + dims[axis]!);
  return builder.op("Slice", [dy, builder.ints(starts), builder.ints(ends), builder.ints(axes)]);
}

/** Modes that repeat the input's own elements: what lies in the padding is added to the elements it was copied from. */
function fold(context: RuleContext, before: readonly number[], mode: string): string {
  const { builder, node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const dims = shapeOf(x);
  let dy: ShapedValue = { value: outputGradient(context), dims: shapeOf(node.output[0]!) };
  for (const [axis, length] of dims.entries()) {
    const padded = dy.dims[axis]!;
    if (padded === length) continue;
    const indices = Array.from({ length: padded }, (_, i) => sourceIndex(i - before[axis]!, length, mode));
    dy = transposedGather(builder, dy, axis, indices, length, typeOf(x));
  }
  return dy.value;
}

/** Which element of an axis stands at an index before 0 or after the end. */
function sourceIndex(index: number, length: number, mode: string): number {
  if (mode === "edge") return Math.min(Math.max(index, 0), length - 1);
  if (mode === "wrap") return ((index % length) + length) % length;
  // Reflection without the border itself.
  const period = Math.max(1, 2 * (length - 1));
  const inPeriod = ((index % period) + period) % period;
  return inPeriod < length ? inPeriod : period - inPeriod;
}
