/**
 * @file Gradients of activation functions. Those that can be are computed from the output and not the input: the input then dies
 * early, and ONNX Runtime may fuse the activation into the convolution before it.
 */
import { floatAttribute } from "../../graph/attributes.ts";
import { outputGradient, reduceToInput, scalarOf, unsupported } from "../emit.ts";
import type { GradientRule } from "../rule.ts";
import { clampedLine, stepAbove, stepBelow, stepBetween } from "../steps.ts";

/** y = max(x, 0). */
export const reluRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const y = node.output[0]!;
  return [builder.op("Mul", [outputGradient(context), stepAbove(builder, y, typeOf(y), 0)])];
};

/** y = x where x > 0, else alpha x. */
export const leakyReluRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const alpha = floatAttribute(node, "alpha", 0.01);
  // With a positive alpha the output has the input's sign.
  const signed = alpha > 0 ? node.output[0]! : node.input[0]!;
  return [builder.op("Mul", [outputGradient(context), stepBetween(builder, signed, typeOf(signed), alpha, 1)])];
};

/** y = x where x > 0, else slope x. */
export const preluRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const dy = outputGradient(context);
  const [x, slope] = node.input as [string, string];
  const type = typeOf(x);
  const towardsInput = () => {
    // slope + (1 - slope) [x > 0]: 1.6 times as fast as Where for 32x64x56x56 with a slope per channel.
    const rise = builder.op("Sub", [scalarOf(builder, 1, type), slope]);
    const derivative = builder.op("Add", [builder.op("Mul", [stepAbove(builder, x, type, 0), rise]), slope]);
    return builder.op("Mul", [dy, derivative]);
  };
  const towardsSlope = () => {
    const negativePart = builder.op("Clip", [x, "", scalarOf(builder, 0, type)]);
    return reduceToInput(context, builder.op("Mul", [dy, negativePart]), 1);
  };
  return [context.wants(0) ? towardsInput() : undefined, context.wants(1) ? towardsSlope() : undefined];
};

/** y = x where x > 0, else alpha (e^x - 1), whose derivative is y + alpha. */
export const eluRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const alpha = floatAttribute(node, "alpha", 1);
  if (alpha < 0) throw unsupported(node, "needs an alpha that is not negative");
  const y = node.output[0]!;
  const type = typeOf(y);
  const dy = outputGradient(context);
  if (alpha === 1) return [builder.op("Mul", [dy, clampedLine(builder, y, type, 1, 1)])];
  const negativePart = builder.op("Clip", [y, "", scalarOf(builder, 0, type)]);
  return [builder.op("Mul", [dy, builder.op("Add", [negativePart, stepBetween(builder, y, type, alpha, 1)])])];
};

/** dy y (1 - y). */
export const sigmoidRule: GradientRule = (context) => {
  const { builder, node } = context;
  const y = node.output[0]!;
  const scaled = builder.op("Mul", [outputGradient(context), y]);
  return [builder.op("Sub", [scaled, builder.op("Mul", [scaled, y])])];
};

/** dy (1 - y²). */
export const tanhRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const y = node.output[0]!;
  const derivative = builder.op("Sub", [scalarOf(builder, 1, typeOf(y)), builder.op("Mul", [y, y])]);
  return [builder.op("Mul", [outputGradient(context), derivative])];
};

/** y = clamp(alpha x + beta, 0, 1): alpha where 0 < y < 1. */
export const hardSigmoidRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const alpha = floatAttribute(node, "alpha", 0.2);
  const y = node.output[0]!;
  const type = typeOf(y);
  const above = builder.op("Mul", [outputGradient(context), stepBetween(builder, y, type, 0, alpha)]);
  return [builder.op("Mul", [above, stepBelow(builder, y, type, 1)])];
};

/** y = x h with h = clamp(x/6 + 1/2, 0, 1): h + (h - 1/2) where |x| < 3, for x/6 = h - 1/2 there. */
export const hardSwishRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  const type = typeOf(x);
  const h = clampedLine(builder, x, type, 1 / 6, 0.5);
  const inside = stepBelow(builder, builder.op("Abs", [x]), type, 3);
  const slope = builder.op("Mul", [builder.op("Sub", [h, scalarOf(builder, 0.5, type)]), inside]);
  return [builder.op("Mul", [outputGradient(context), builder.op("Add", [h, slope])])];
};

/** y = ln(1 + e^x): dy sigmoid(x). */
export const softplusRule: GradientRule = (context) => {
  const { builder, node } = context;
  return [builder.op("Mul", [outputGradient(context), builder.op("Sigmoid", [node.input[0]!])])];
};
