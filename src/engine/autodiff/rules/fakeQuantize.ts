/** @file Gradient of a fake quantizer: of what it quantizes, straight through, and of its step size. */
import { intAttribute } from "../../graph/attributes.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { outputGradient } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** The operator as which `differentiate` sees a fake quantizer, whatever nodes compute it (quantizers/fakeQuantize.ts). */
export const fakeQuantizeOperator = { domain: "brecq", opType: "FakeQuantize" } as const;

/**
 * Inputs: x, the step s, q(x) = s (clamp(round(x/s) + z, 0, n-1) - z), and, where elements are left out at random, a mask that is 1 where
 * the output is x and 0 where it is q(x). Esser et al. 2020, equations 3 and 5, with a zero point: inside the range dq/dx = 1 and
 * dq/ds = (q - x)/s; outside dq/dx = 0 and dq/ds = q/s.
 */
export const fakeQuantizeRule: GradientRule = (context) => {
  const { builder: b, node } = context;
  const [x, scale, quantized, kept] = node.input as [string, string, string, string?];
  const dy = outputGradient(context);
  const quantizedShare = kept ? b.op("Sub", [dy, b.op("Mul", [dy, kept])]) : dy;
  const inside = b.op("Cast", [b.op("Equal", [x, emitClippedToRange(b, node)])], { to: 1 });
  return [context.wants(0) ? atInput() : undefined, context.wants(1) ? atScale() : undefined];

  function atInput(): string {
    const straight = b.op("Mul", [quantizedShare, inside]);
    return kept ? b.op("Add", [straight, b.op("Mul", [dy, kept])]) : straight;
  }

  function atScale(): string {
    const slope = b.op("Sub", [quantized, b.op("Mul", [x, inside])]);
    // The sum of products as a matrix product: one pass over memory.
    const row = b.op("Reshape", [quantizedShare, b.ints([1, -1])]);
    const column = b.op("Reshape", [slope, b.ints([-1, 1])]);
    const sum = b.op("Reshape", [b.op("MatMul", [row, column]), b.ints([])]);
    return b.op("Div", [sum, scale]);
  }
};

/** x cut at the ends of the quantizer's range. */
function emitClippedToRange(b: GraphBuilder, node: NodeProto): string {
  const [x, scale] = node.input as [string, string];
  const zeroPoint = intAttribute(node, "zero_point", 0);
  const low = b.op("Mul", [scale, b.scalar(-zeroPoint)]);
  const high = b.op("Mul", [scale, b.scalar(2 ** intAttribute(node, "bits", 8) - 1 - zeroPoint)]);
  return b.op("Clip", [x, low, high]);
}
