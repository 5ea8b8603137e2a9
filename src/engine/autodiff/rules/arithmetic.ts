/** @file Gradients of arithmetic with NumPy broadcasting. An operand's gradient is summed over the axes it was broadcast along. */
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { outputGradient, reduceToInput, scalarOf, unsupported } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** y = a + b + …: every operand gets dy. Add and Sum. */
export const sumRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  return context.node.input.map((_, position) => (context.wants(position) ? reduceToInput(context, dy, position) : undefined));
};

/** y = (a + b + …) / n. */
export const meanRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const count = scalarOf(builder, node.input.length, typeOf(node.output[0]!));
  const share = builder.op("Div", [outputGradient(context), count]);
  return node.input.map((_, position) => (context.wants(position) ? reduceToInput(context, share, position) : undefined));
};

/** y = a - b. */
export const subRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  return [
    context.wants(0) ? reduceToInput(context, dy, 0) : undefined,
    // Negated after the sum: a broadcast operand is smaller than dy.
    context.wants(1) ? context.builder.op("Neg", [reduceToInput(context, dy, 1)]) : undefined,
  ];
};

/** y = a b: each gets dy times the other. */
export const mulRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  const [a, b] = context.node.input as [string, string];
  const towards = (position: number, other: string) =>
    context.wants(position) ? reduceToInput(context, context.builder.op("Mul", [dy, other]), position) : undefined;
  return [towards(0, b), towards(1, a)];
};

/** y = a / b: da = dy / b, db = -Σ(dy y) / b; b is the same along the axes of the sum, so it divides after it. */
export const divRule: GradientRule = (context) => {
  const { builder, node } = context;
  const dy = outputGradient(context);
  const b = node.input[1]!;
  const towardsDivisor = () => {
    const sum = reduceToInput(context, builder.op("Mul", [dy, node.output[0]!]), 1);
    return builder.op("Neg", [builder.op("Div", [sum, b])]);
  };
  return [context.wants(0) ? reduceToInput(context, builder.op("Div", [dy, b]), 0) : undefined, context.wants(1) ? towardsDivisor() : undefined];
};

/** y = a^p: da = dy p a^(p-1). The exponent itself is not differentiated. */
export const powRule: GradientRule = (context) => {
  const { builder, node, constantOf, typeOf, shapeOf } = context;
  if (context.wants(1)) throw unsupported(node, "reaches its base, but not its exponent");
  const dy = outputGradient(context);
  const [a, exponent] = node.input as [string, string];
  const type = typeOf(a);
  const constant = constantOf(exponent);
  const p = constant && constant.data.length === 1 ? Number(constant.data[0]) : undefined;
  if (p === 2 && shapeOf(exponent).length <= shapeOf(a).length) {
    return [builder.op("Mul", [dy, builder.op("Mul", [a, scalarOf(builder, 2, type)])])];
  }
  const power = typeOf(exponent) === type ? exponent : builder.op("Cast", [exponent], { to: dataTypeCode(type) });
  const lower = builder.op("Pow", [a, builder.op("Sub", [power, scalarOf(builder, 1, type)])]);
  return [reduceToInput(context, builder.op("Mul", [dy, builder.op("Mul", [lower, power])]), 0)];
};

/**
 * Max and Min: dy goes to the operand that is the output. Of several equal operands the first takes it all, so that Max(x, x)
 * has the gradient of x.
 */
export const extremumRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const y = node.output[0]!;
  let rest = outputGradient(context);
  const wanted = node.input.map((_, position) => position).filter((position) => context.wants(position));
  const gradients: (string | undefined)[] = node.input.map(() => undefined);
  for (const position of wanted) {
    const isOutput = builder.op("Cast", [builder.op("Equal", [node.input[position]!, y])], { to: dataTypeCode(typeOf(y)) });
    const taken = builder.op("Mul", [rest, isOutput]);
    gradients[position] = reduceToInput(context, taken, position);
    if (position !== wanted.at(-1)) rest = builder.op("Sub", [rest, taken]);
  }
  return gradients;
};
