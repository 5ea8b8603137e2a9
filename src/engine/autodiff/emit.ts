/** @file Small things that many gradient rules emit. */
import { UserError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { nodeLabel } from "../graph/graph.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { DataType } from "../onnx/tensor.ts";
import type { RuleContext } from "./rule.ts";

/** A constant of the given floating-point type; a scalar unless `dims` are given. */
export function constantOfType(builder: GraphBuilder, values: readonly number[], dims: readonly number[], type: DataType): string {
  if (type === "float") return builder.constant({ type, dims, data: Float32Array.from(values) });
  if (type === "double") return builder.constant({ type, dims, data: Float64Array.from(values) });
  throw new Error(`internal: no ${type} constants in gradients`);
}

/** A scalar constant of the given floating-point type. */
export function scalarOf(builder: GraphBuilder, value: number, type: DataType): string {
  return type === "float" ? builder.scalar(value) : constantOfType(builder, [value], [], type);
}

/** A tensor of zeros. ONNX Runtime folds it into a constant. */
export function zeros(builder: GraphBuilder, dims: readonly number[], type: DataType): string {
  return builder.op("Expand", [scalarOf(builder, 0, type), builder.ints(dims)]);
}

/** The gradient at the only output: a rule is not called without it. */
export function outputGradient(context: RuleContext): string {
  const gradient = context.gradientOf(0);
  if (gradient === undefined) throw new Error(`internal: ${context.node.opType} is differentiated without a gradient at its output`);
  return gradient;
}

/** Reshapes a value of shape `from` to shape `to`, where they differ. */
export function reshapeTo(builder: GraphBuilder, value: string, from: readonly number[], to: readonly number[]): string {
  const same = from.length === to.length && from.every((dim, axis) => dim === to[axis]);
  return same ? value : builder.op("Reshape", [value, builder.ints(to)]);
}

/** Sums a gradient over the axes along which an operand of shape `to` was broadcast to shape `from`; `from` is the gradient's shape. */
export function reduceToShape(builder: GraphBuilder, gradient: string, from: readonly number[], to: readonly number[]): string {
  const extra = from.length - to.length;
  const axes = from.map((_, axis) => axis).filter((axis) => axis < extra || (to[axis - extra] === 1 && from[axis] !== 1));
  if (axes.length === 0) return gradient;
  const sum = builder.op("ReduceSum", [gradient, builder.ints(axes)], { keepdims: 1 });
  const kept = from.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return reshapeTo(builder, sum, kept, to);
}

/** {@link reduceToShape} from the shape of the node's output to that of input `position`. */
export function reduceToInput(context: RuleContext, gradient: string, position: number): string {
  const { builder, node, shapeOf } = context;
  return reduceToShape(builder, gradient, shapeOf(node.output[0]!), shapeOf(node.input[position]!));
}

/** The error for a case of an operator that its rule does not cover. `what` completes "The gradient of <operator> … ". */
export function unsupported(node: NodeProto, what: string): UserError {
  return new UserError(`The gradient of ${node.opType} ${what}.`, {
    hint: "Leave this node outside of what is trained (for example with a smaller granularity, or its layers in fp32).",
    place: { node: nodeLabel(node) },
  });
}
