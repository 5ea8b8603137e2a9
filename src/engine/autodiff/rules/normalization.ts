/** @file Gradients of normalizations that take mean and variance from the value itself. */
import { floatAttribute, intAttribute } from "../../graph/attributes.ts";
import { sizeOf } from "../../onnx/tensor.ts";
import { normalizeAxis } from "../axes.ts";
import { outputGradient, reduceToShape, reshapeTo, scalarOf, unsupported } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

/** LayerNormalization: over the last axes, from `axis` on; scale and bias broadcast to the value. */
export const layerNormalizationRule: GradientRule = (context) => {
  const { node, shapeOf, gradientOf } = context;
  if (gradientOf(1) || gradientOf(2)) throw unsupported(node, "does not pass through its mean and standard deviation");
  const dims = shapeOf(node.input[0]!);
  const first = normalizeAxis(intAttribute(node, "axis", -1), dims.length);
  const axes = dims.map((_, axis) => axis).slice(first);
  return normalizationGradients(context, axes, (value) => shapeOf(value));
};

/** InstanceNormalization: over the spatial axes; scale and bias by channel. */
export const instanceNormalizationRule: GradientRule = (context) => {
  const dims = context.shapeOf(context.node.input[0]!);
  const axes = dims.map((_, axis) => axis).slice(2);
  return normalizationGradients(context, axes, () => [dims[1]!, ...axes.map(() => 1)]);
};

/**
 * y = scale n + bias with n = (x - mean) / σ, mean and σ = sqrt(variance + epsilon) over `axes`: with g = dy scale,
 * dx = (g - mean(g) - n mean(g n)) / σ, dscale = Σ dy n, dbias = Σ dy.
 * @param parameterDims the shape in which a scale or bias broadcasts to x
 */
function normalizationGradients(context: RuleContext, axes: readonly number[], parameterDims: (value: string) => readonly number[]) {
  const { builder: b, node, wants, shapeOf, typeOf } = context;
  const [x, scale, bias] = node.input as [string, string, string | undefined];
  const dims = shapeOf(x);
  const type = typeOf(x);
  const dy = outputGradient(context);
  const share = scalarOf(b, 1 / sizeOf(axes.map((axis) => dims[axis]!)), type);
  // ReduceMean takes its axes differently before and after operator set 18; ReduceSum does not.
  const mean = (value: string) => b.op("Mul", [b.op("ReduceSum", [value, b.ints(axes)], { keepdims: 1 }), share]);
  const parameterGradient = (value: string, parameter: string) => {
    const to = parameterDims(parameter);
    return reshapeTo(b, reduceToShape(b, value, dims, to), to, shapeOf(parameter));
  };
  const atBias = bias && wants(2) ? parameterGradient(dy, bias) : undefined;
  if (!wants(0) && !wants(1)) return [undefined, undefined, atBias];

  const centred = b.op("Sub", [x, mean(x)]);
  const variance = mean(b.op("Mul", [centred, centred]));
  const deviation = b.op("Sqrt", [b.op("Add", [variance, scalarOf(b, floatAttribute(node, "epsilon", 1e-5), type)])]);
  const normalized = b.op("Div", [centred, deviation]);
  const atInput = () => {
    const g = b.op("Mul", [dy, reshapeTo(b, scale, shapeOf(scale), parameterDims(scale))]);
    const along = b.op("Mul", [normalized, mean(b.op("Mul", [g, normalized]))]);
    return b.op("Div", [b.op("Sub", [b.op("Sub", [g, mean(g)]), along]), deviation]);
  };
  const atScale = () => parameterGradient(b.op("Mul", [dy, normalized]), scale);
  return [wants(0) ? atInput() : undefined, wants(1) ? atScale() : undefined, atBias];
}
