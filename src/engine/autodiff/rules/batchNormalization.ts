import { floatAttribute } from "../../graph/attributes.ts";
import { outputGradient, scalarOf } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** BatchNormalization at inference: y = scale (x - mean) / sqrt(var + epsilon) + bias, with constant mean and var. */
export const batchNormalizationRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf, typeOf } = context;
  const [x, scale, , mean, variance] = node.input as [string, string, string, string, string];
  const gradient = outputGradient(context);
  const dims = shapeOf(x);
  const perChannel = (value: string) => b.op("Reshape", [value, b.ints([-1, ...dims.slice(2).map(() => 1)])]);
  const otherAxes = b.ints(dims.flatMap((_, axis) => (axis === 1 ? [] : [axis])));
  const sum = (value: string) => b.op("ReduceSum", [value, otherAxes], { keepdims: 0 });
  const epsilon = scalarOf(b, floatAttribute(node, "epsilon", 1e-5), typeOf(x));
  const deviation = b.op("Sqrt", [b.op("Add", [variance, epsilon])]);
  const atScale = () => {
    const normalized = b.op("Div", [b.op("Sub", [x, perChannel(mean)]), perChannel(deviation)]);
    return sum(b.op("Mul", [gradient, normalized]));
  };
  return [
    wants(0) ? b.op("Mul", [gradient, perChannel(b.op("Div", [scale, deviation]))]) : undefined,
    wants(1) ? atScale() : undefined,
    wants(2) ? sum(gradient) : undefined,
  ];
};
