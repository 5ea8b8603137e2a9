/** @file Small things that many gradient rules emit. */
import { UserError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { nodeLabel } from "../graph/graph.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { DataType } from "../onnx/tensor.ts";
import type { RuleContext } from "./rule.ts";

/** A scalar constant of the given floating-point type. */
export function scalarOf(builder: GraphBuilder, value: number, type: DataType): string {
  if (type === "float") return builder.scalar(value);
  if (type === "double") return builder.constant({ type, dims: [], data: Float64Array.of(value) });
  throw new Error(`internal: no ${type} scalars`);
}

/** The gradient at the only output: a rule is not called without it. */
export function outputGradient(context: RuleContext): string {
  const gradient = context.gradientOf(0);
  if (gradient === undefined) throw new Error(`internal: ${context.node.opType} is differentiated without a gradient at its output`);
  return gradient;
}

/** Sums a gradient over the axes along which an operand of shape `to` was broadcast to shape `from`; `from` is the gradient's shape. */
export function reduceToShape(builder: GraphBuilder, gradient: string, from: readonly number[], to: readonly number[]): string {
  const extra = from.length - to.length;
  const axes = from.map((_, axis) => axis).filter((axis) => axis < extra || (to[axis - extra] === 1 && from[axis] !== 1));
  if (axes.length === 0) return gradient;
  const keepdims = axes.some((axis) => axis >= extra);
  const sum = builder.op("ReduceSum", [gradient, builder.ints(axes)], { keepdims: keepdims ? 1 : 0 });
  return keepdims && extra > 0 ? builder.op("Reshape", [sum, builder.ints(to)]) : sum;
}

/** The error for a case of an operator that its rule does not cover. `what` completes "The gradient of <operator> … ". */
export function unsupported(node: NodeProto, what: string): UserError {
  return new UserError(`The gradient of ${node.opType} ${what}.`, {
    hint: "Leave this node outside of what is trained (for example with a smaller granularity, or its layers in fp32).",
    place: { node: nodeLabel(node) },
  });
}
