/** @file Gradients of the smooth activations x g(x): Swish, Mish and Gelu. */
import { floatAttribute, stringAttribute } from "../../graph/attributes.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { DataType } from "../../onnx/tensor.ts";
import { outputGradient, scalarOf } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** y = x s with s = sigmoid(alpha x): dy (s + alpha y (1 - s)). */
export const swishRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const [x, y] = [node.input[0]!, node.output[0]!];
  const { mul, add, sub, scalar } = arithmetic(builder, typeOf(x));
  const alpha = floatAttribute(node, "alpha", 1);
  const s = builder.op("Sigmoid", [alpha === 1 ? x : mul(x, scalar(alpha))]);
  const scaled = alpha === 1 ? y : mul(y, scalar(alpha));
  return [mul(outputGradient(context), add(s, mul(scaled, sub(scalar(1), s))))];
};

/**
 * y = x t with t = tanh(softplus(x)). With s = sigmoid(x) and q = 1 - s = e^-softplus(x): t = s (1 + q) / (1 + q²) and
 * dt/dx = 4 q² s / (1 + q²)², so that neither Softplus (ten times as slow as Sigmoid in ONNX Runtime) nor Tanh is needed.
 */
export const mishRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  const { mul, add, sub, div, scalar } = arithmetic(builder, typeOf(x));
  const s = builder.op("Sigmoid", [x]);
  const q = sub(scalar(1), s);
  const squared = mul(q, q);
  const denominator = add(squared, scalar(1));
  const ratio = div(s, denominator);
  const t = mul(ratio, add(q, scalar(1)));
  const slope = mul(mul(ratio, div(squared, denominator)), scalar(4));
  return [mul(outputGradient(context), add(t, mul(x, slope)))];
};

/** Gelu (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2), exact or with the tanh approximation. */
export const geluRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const x = node.input[0]!;
  const derivative = stringAttribute(node, "approximate", "none") === "tanh" ? tanhGelu : exactGelu;
  return [builder.op("Mul", [outputGradient(context), derivative(builder, x, typeOf(x))])];
};

/** Φ(x) + x φ(x), with the normal distribution and its density. */
function exactGelu(builder: GraphBuilder, x: string, type: DataType): string {
  const { mul, add, scalar } = arithmetic(builder, type);
  const distribution = add(mul(builder.op("Erf", [mul(x, scalar(Math.SQRT1_2))]), scalar(0.5)), scalar(0.5));
  const bell = builder.op("Exp", [mul(mul(x, x), scalar(-0.5))]);
  return add(distribution, mul(mul(x, scalar(1 / Math.sqrt(2 * Math.PI))), bell));
}

/** y = x/2 (1 + t), t = tanh(c (x + k x³)): (1 + t)/2 + x/2 (1 - t²) c (1 + 3 k x²). */
function tanhGelu(builder: GraphBuilder, x: string, type: DataType): string {
  const { mul, add, sub, scalar } = arithmetic(builder, type);
  const c = Math.sqrt(2 / Math.PI);
  const k = 0.044715;
  const squared = mul(x, x);
  const t = builder.op("Tanh", [mul(x, add(mul(squared, scalar(c * k)), scalar(c)))]);
  const inner = mul(x, add(mul(squared, scalar(1.5 * c * k)), scalar(c / 2)));
  return add(add(mul(t, scalar(0.5)), scalar(0.5)), mul(inner, sub(scalar(1), mul(t, t))));
}

function arithmetic(builder: GraphBuilder, type: DataType) {
  const binary = (opType: string) => (a: string, b: string) => builder.op(opType, [a, b]);
  return {
    mul: binary("Mul"),
    add: binary("Add"),
    sub: binary("Sub"),
    div: binary("Div"),
    scalar: (value: number) => scalarOf(builder, value, type),
  };
}
