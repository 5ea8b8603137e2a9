/** @file Gradient of Clip: of its input, and of bounds that are computed or trained. */
import { floatAttribute } from "../../graph/attributes.ts";
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { outputGradient, reduceToInput } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { stepAbove, stepBelow } from "../steps.ts";

/** Bounds beyond this are how exporters write "none". */
const unbounded = 3.4e38;

/** y = clamp(x, min, max): dy inside, to the bound outside. */
export const clipRule: GradientRule = (context) => {
  const dy = outputGradient(context);
  return [
    context.wants(0) ? inside(context, dy) : undefined,
    context.wants(1) ? outside(context, dy, "Less", 1) : undefined,
    context.wants(2) ? outside(context, dy, "Greater", 2) : undefined,
  ];
};

function inside(context: RuleContext, dy: string): string {
  const { builder, node, typeOf } = context;
  const y = node.output[0]!;
  const type = typeOf(y);
  const low = bound(context, 1, "min", -unbounded);
  const high = bound(context, 2, "max", unbounded);
  if (low === undefined || high === undefined) {
    const kept = builder.op("Equal", [node.input[0]!, y]);
    return builder.op("Mul", [dy, builder.op("Cast", [kept], { to: dataTypeCode(type) })]);
  }
  // From the output, as for Relu: Cast(Equal(x, y)) is a little faster (3.6 against 4.5 ms, see steps.ts), but would keep x alive
  // through the whole backward pass, another activation's memory for every Clip.
  const above = low > -unbounded ? builder.op("Mul", [dy, stepAbove(builder, y, type, low)]) : dy;
  return high < unbounded ? builder.op("Mul", [above, stepBelow(builder, y, type, high)]) : above;
}

/** A bound, from the input or (before opset 11) the attribute; undefined where it is computed. */
function bound({ node, constantOf }: RuleContext, position: number, name: string, none: number): number | undefined {
  const input = node.input[position];
  if (!input) return floatAttribute(node, name, none);
  const constant = constantOf(input);
  return constant && Number(constant.data[0]);
}

/** dy summed where x lies beyond the bound. */
function outside(context: RuleContext, dy: string, comparison: "Less" | "Greater", position: number): string {
  const { builder, node, typeOf } = context;
  const [x] = node.input as [string];
  const beyond = builder.op("Cast", [builder.op(comparison, [x, node.input[position]!])], { to: dataTypeCode(typeOf(x)) });
  return reduceToInput(context, builder.op("Mul", [dy, beyond]), position);
}
