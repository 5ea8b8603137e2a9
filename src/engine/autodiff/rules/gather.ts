/** @file Gradient of Gather with constant indices. */
import { intAttribute } from "../../graph/attributes.ts";
import { constantInts, normalizeAxis } from "../axes.ts";
import { outputGradient, reshapeTo } from "../emit.ts";
import type { GradientRule } from "../rule.ts";
import { transposedGather } from "../transposedGather.ts";

export const gatherRule: GradientRule = (context) => {
  const { builder, node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const dims = shapeOf(x);
  const axis = normalizeAxis(intAttribute(node, "axis", 0), dims.length);
  const length = dims[axis]!;
  const indices = constantInts(context, 1, "indices")!.map((index) => normalizeAxis(index, length));
  // Indices of any rank stand as one axis here.
  const picked = dims.with(axis, indices.length);
  const dy = reshapeTo(builder, outputGradient(context), shapeOf(node.output[0]!), picked);
  return [transposedGather(builder, { value: dy, dims: picked }, axis, indices, length, typeOf(x)).value];
};
