/** @file Gradients of operators that only move or repeat elements. */
import { intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { outputGradient, reduceToInput, reshapeTo } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** Reshape, Flatten, Squeeze and Unsqueeze: the gradient in the input's shape. */
export const reshapeRule: GradientRule = (context) => {
  const { builder, node, shapeOf } = context;
  return [reshapeTo(builder, outputGradient(context), shapeOf(node.output[0]!), shapeOf(node.input[0]!))];
};

/** The inverse permutation. */
export const transposeRule: GradientRule = (context) => {
  const { builder, node, shapeOf } = context;
  const rank = shapeOf(node.input[0]!).length;
  const perm = intsAttribute(node, "perm") ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return [builder.op("Transpose", [outputGradient(context)], { perm: inverse })];
};

export const expandRule: GradientRule = (context) => [reduceToInput(context, outputGradient(context), 0)];

/** Every axis is split into repeats and elements; the repeats are summed. */
export const tileRule: GradientRule = (context) => {
  const { builder, node, shapeOf } = context;
  const dims = shapeOf(node.input[0]!);
  const repeats = shapeOf(node.output[0]!).map((dim, axis) => dim / dims[axis]!);
  const repeated = repeats.flatMap((repeat, axis) => (repeat === 1 ? [] : [axis]));
  const dy = outputGradient(context);
  if (repeated.length === 0) return [dy];
  // Axis a lies at a plus the number of repeat axes put in before it.
  const split = dims.flatMap((dim, axis) => (repeats[axis] === 1 ? [dim] : [repeats[axis]!, dim]));
  const sums = repeated.map((axis, before) => axis + before);
  return [builder.op("ReduceSum", [builder.op("Reshape", [dy, builder.ints(split)]), builder.ints(sums)], { keepdims: 0 })];
};

/** SpaceToDepth puts the place in the block before the channel, as DepthToSpace's mode DCR reads it. */
export const spaceToDepthRule: GradientRule = (context) => {
  const { builder, node } = context;
  return [builder.op("DepthToSpace", [outputGradient(context)], { blocksize: intAttribute(node, "blocksize", 1), mode: "DCR" })];
};
