/** @file Gradients of Softmax and LogSoftmax along one axis, as they are defined since opset 13. */
import { intAttribute } from "../../graph/attributes.ts";
import { normalizeAxis } from "../axes.ts";
import { outputGradient, unsupported } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

/** y (dy - Σ dy y). */
export const softmaxRule: GradientRule = (context) => {
  const { builder, node } = context;
  const y = node.output[0]!;
  const weighted = builder.op("Mul", [outputGradient(context), y]);
  return [builder.op("Sub", [weighted, builder.op("Mul", [y, sumAlongAxis(context, weighted)])])];
};

/** dy - softmax(x) Σ dy. */
export const logSoftmaxRule: GradientRule = (context) => {
  const { builder, node } = context;
  const dy = outputGradient(context);
  const softmax = builder.op("Exp", [node.output[0]!]);
  return [builder.op("Sub", [dy, builder.op("Mul", [softmax, sumAlongAxis(context, dy)])])];
};

function sumAlongAxis(context: RuleContext, value: string): string {
  const { builder, node, opset } = context;
  if (opset < 13) throw unsupported(node, "needs operator set 13 or later");
  const axis = normalizeAxis(intAttribute(node, "axis", -1), context.shapeOf(node.output[0]!).length);
  return builder.op("ReduceSum", [value, builder.ints([axis])], { keepdims: 1 });
}
