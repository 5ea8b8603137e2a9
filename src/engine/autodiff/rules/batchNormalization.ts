/** @file Gradient of BatchNormalization at inference. */
import { floatAttribute, intAttribute } from "../../graph/attributes.ts";
import { outputGradient, scalarOf, unsupported } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = scale (x - mean) / σ + bias with σ = sqrt(var + epsilon): dx = dy scale / σ, dscale = (Σ dy x - mean Σ dy) / σ, dbias = Σ dy,
 * where sums go over all axes but the channels. Statistics are constants.
 */
export const batchNormalizationRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf, typeOf } = context;
  if (intAttribute(node, "training_mode", 0) !== 0) throw unsupported(node, "in training mode is not known");
  if (wants(3) || wants(4)) throw unsupported(node, "does not reach its mean and variance");
  const [x, scale, , mean, variance] = node.input as [string, string, string, string, string];
  const gradient = outputGradient(context);
  const dims = shapeOf(x);
  const otherAxes = b.ints(dims.flatMap((_, axis) => (axis === 1 ? [] : [axis])));
  const sum = (value: string) => b.op("ReduceSum", [value, otherAxes], { keepdims: 0 });
  const epsilon = scalarOf(b, floatAttribute(node, "epsilon", 1e-5), typeOf(x));
  const deviation = () => b.op("Sqrt", [b.op("Add", [variance, epsilon])]);
  const atInput = () => {
    const factor = b.op("Reshape", [b.op("Div", [scale, deviation()]), b.ints([-1, ...dims.slice(2).map(() => 1)])]);
    return b.op("Mul", [gradient, factor]);
  };
  const total = wants(1) || wants(2) ? sum(gradient) : undefined;
  const atScale = (sumOfGradients: string) => {
    const centred = b.op("Sub", [sum(b.op("Mul", [gradient, x])), b.op("Mul", [mean, sumOfGradients])]);
    return b.op("Div", [centred, deviation()]);
  };
  return [wants(0) ? atInput() : undefined, wants(1) && total ? atScale(total) : undefined, wants(2) ? total : undefined];
};
