/** @file Gradient of Dropout as it stands in a trained network: the identity. */
import { outputGradient, unsupported } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

export const dropoutRule: GradientRule = (context) => {
  const { node, constantOf } = context;
  const trainingMode = node.input[2];
  if (trainingMode && Number(constantOf(trainingMode)?.data[0] ?? 1) !== 0) throw unsupported(node, "needs its training mode to be off");
  return [outputGradient(context)];
};
