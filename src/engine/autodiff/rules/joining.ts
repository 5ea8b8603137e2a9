/** @file Gradients of Concat and Split. */
import { intAttribute } from "../../graph/attributes.ts";
import { normalizeAxis } from "../axes.ts";
import { outputGradient, zeros } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** Each input gets its slice. */
export const concatRule: GradientRule = (context) => {
  const { builder, node, shapeOf } = context;
  const dy = outputGradient(context);
  const axis = normalizeAxis(intAttribute(node, "axis", 0), shapeOf(node.output[0]!).length);
  let start = 0;
  return node.input.map((input, position) => {
    const end = start + shapeOf(input)[axis]!;
    const slice = context.wants(position) ? builder.op("Slice", [dy, builder.ints([start]), builder.ints([end]), builder.ints([axis])]) : undefined;
    start = end;
    return slice;
  });
};

/** The outputs' gradients side by side, zeros where nothing depends on an output. */
export const splitRule: GradientRule = (context) => {
  const { builder, node, shapeOf, typeOf } = context;
  const axis = intAttribute(node, "axis", 0);
  const parts = node.output.map((output, i) => context.gradientOf(i) ?? zeros(builder, shapeOf(output), typeOf(output)));
  return [builder.op("Concat", parts, { axis })];
};
