/** @file Gradients of the four arithmetic operators with NumPy broadcasting. */
import { outputGradient, reduceToShape } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

/** Sums a gradient of the output's shape over what input `position` was broadcast along. */
function toInput(context: RuleContext, gradient: string, position: number): string {
  const { node, builder } = context;
  return reduceToShape(builder, gradient, context.shapeOf(node.output[0]!), context.shapeOf(node.input[position]!));
}

/** y = a + b: both get dy. */
export const addRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  return [0, 1].map((position) => (context.wants(position) ? toInput(context, dy, position) : undefined));
};

/** y = a - b: a gets dy, b gets -dy. */
export const subRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  return [
    context.wants(0) ? toInput(context, dy, 0) : undefined,
    // Negated after the sum: a broadcast operand is smaller than dy.
    context.wants(1) ? context.builder.op("Neg", [toInput(context, dy, 1)]) : undefined,
  ];
};

/** y = a b: each gets dy times the other. */
export const mulRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  const [a, b] = context.node.input as [string, string];
  return [b, a].map((other, position) => (context.wants(position) ? toInput(context, context.builder.op("Mul", [dy, other]), position) : undefined));
};
