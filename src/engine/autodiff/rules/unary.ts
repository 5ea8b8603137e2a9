/** @file Gradients of element-wise functions of one tensor: dx = dy f'(x), from the output where that takes fewer passes over memory. */
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { outputGradient, scalarOf } from "../emit.ts";
import type { GradientRule } from "../rule.ts";
import { stepBetween } from "../steps.ts";

/** Operators that give their input as it is: Identity. */
export const identityRule: GradientRule = (context) => [outputGradient(context)];

/**
 * Round, Floor and Ceil pass the gradient on as if they were the identity (the straight-through estimator: Bengio et al. 2013,
 * arXiv:1308.3432, section 4). Their true derivative is zero almost everywhere, and they stand in networks where something is quantized
 * (Floor as floor(x + 0.5)): with a zero, nothing before a quantizer could be trained.
 */
export const straightThroughRule: GradientRule = identityRule;

/** Cast between floating-point types. Casts to and from integers never get here: integers carry no gradient. */
export const castRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const dy = outputGradient(context);
  const type = typeOf(node.input[0]!);
  return [type === typeOf(node.output[0]!) ? dy : builder.op("Cast", [dy], { to: dataTypeCode(type) })];
};

export const negRule: GradientRule = (context) => [context.builder.op("Neg", [outputGradient(context)])];

/** dy sign(x). */
export const absRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  return [builder.op("Mul", [outputGradient(context), stepBetween(builder, x, typeOf(x), -1, 1)])];
};

/** dy y. */
export const expRule: GradientRule = (context) => [context.builder.op("Mul", [outputGradient(context), context.node.output[0]!])];

/** dy / x. */
export const logRule: GradientRule = (context) => [context.builder.op("Div", [outputGradient(context), context.node.input[0]!])];

/** dy / (2 y). */
export const sqrtRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const y = node.output[0]!;
  return [builder.op("Div", [outputGradient(context), builder.op("Mul", [y, scalarOf(builder, 2, typeOf(y))])])];
};

/** -dy y². */
export const reciprocalRule: GradientRule = (context) => {
  const { builder, node } = context;
  const y = node.output[0]!;
  return [builder.op("Mul", [builder.op("Mul", [outputGradient(context), y]), builder.op("Neg", [y])])];
};

/** dy 2/√π exp(-x²). */
export const erfRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  const bell = builder.op("Exp", [builder.op("Neg", [builder.op("Mul", [x, x])])]);
  const scaled = builder.op("Mul", [bell, scalarOf(builder, 2 / Math.sqrt(Math.PI), typeOf(x))]);
  return [builder.op("Mul", [outputGradient(context), scaled])];
};
