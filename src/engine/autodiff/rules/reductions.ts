/** @file Gradients of reductions: sums, means and extrema along axes. */
import { intAttribute } from "../../graph/attributes.ts";
import { sizeOf } from "../../onnx/tensor.ts";
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { givenAxes, normalizeAxis } from "../axes.ts";
import { outputGradient, reshapeTo, scalarOf } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

export const reduceSumRule: GradientRule = (context) => {
  const axes = reducedAxes(context);
  return [spread(context, outputGradient(context), axes)];
};

export const reduceMeanRule: GradientRule = (context) => {
  const { builder, node, shapeOf, typeOf } = context;
  const axes = reducedAxes(context);
  const x = node.input[0]!;
  const count = sizeOf(axes.map((axis) => shapeOf(x)[axis]!));
  // Divided before it is spread: the output is the smaller tensor.
  const share = builder.op("Mul", [outputGradient(context), scalarOf(builder, 1 / count, typeOf(x))]);
  return [spread(context, share, axes)];
};

/** ReduceMax and ReduceMin: equal extrema share the gradient. */
export const reduceExtremumRule: GradientRule = (context) => [toExtrema(context, reducedAxes(context))];

/** GlobalMaxPool: the maximum over all axes but batch and channel. */
export const globalMaxPoolRule: GradientRule = (context) => {
  const rank = context.shapeOf(context.node.input[0]!).length;
  return [
    toExtrema(
      context,
      Array.from({ length: rank - 2 }, (_, i) => i + 2),
    ),
  ];
};

function toExtrema(context: RuleContext, axes: readonly number[]): string {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  const isExtremum = builder.op("Equal", [x, keepAxes(context, node.output[0]!, axes)]);
  const mask = builder.op("Cast", [isExtremum], { to: dataTypeCode(typeOf(x)) });
  const count = axes.length > 0 ? builder.op("ReduceSum", [mask, builder.ints(axes)], { keepdims: 1 }) : mask;
  return builder.op("Mul", [mask, builder.op("Div", [keepAxes(context, outputGradient(context), axes), count])]);
}

/** The axes that a Reduce operator reduces: none given means all, or none with `noop_with_empty_axes`. */
function reducedAxes(context: RuleContext): number[] {
  const { node, shapeOf } = context;
  const rank = shapeOf(node.input[0]!).length;
  const axes = givenAxes(context, 1) ?? [];
  if (axes.length > 0) return axes.map((axis) => normalizeAxis(axis, rank));
  return intAttribute(node, "noop_with_empty_axes", 0) ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

/** A value of the output's shape, with the reduced axes at length 1. */
function keepAxes({ builder, node, shapeOf }: RuleContext, value: string, axes: readonly number[]): string {
  const kept = shapeOf(node.input[0]!).map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return reshapeTo(builder, value, shapeOf(node.output[0]!), kept);
}

/** Repeats a value of the output's shape along the reduced axes. */
function spread(context: RuleContext, value: string, axes: readonly number[]): string {
  const { builder, node, shapeOf } = context;
  const dims = shapeOf(node.input[0]!);
  const kept = keepAxes(context, value, axes);
  return axes.every((axis) => dims[axis] === 1) ? kept : builder.op("Expand", [kept, builder.ints(dims)]);
}
