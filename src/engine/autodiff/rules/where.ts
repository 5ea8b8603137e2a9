/** @file Gradient of Where. */
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { outputGradient, reduceToInput } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** Where the condition holds dy goes to the second input, elsewhere to the third. A product with the mask is faster than Where (see steps.ts). */
export const whereRule: GradientRule = (context) => {
  const { builder, node, typeOf } = context;
  const dy = outputGradient(context);
  const mask = (condition: string) => builder.op("Cast", [condition], { to: dataTypeCode(typeOf(node.output[0]!)) });
  const [condition] = node.input as [string];
  const towards = (position: number, taken: () => string) =>
    context.wants(position) ? reduceToInput(context, builder.op("Mul", [dy, mask(taken())]), position) : undefined;
  return [undefined, towards(1, () => condition), towards(2, () => builder.op("Not", [condition]))];
};
