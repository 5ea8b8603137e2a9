/** @file What block finding knows of operators. */
import { hasRule } from "../../autodiff/rules.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { sizeOf } from "../../onnx/tensor.ts";
import { isWeighted } from "../layers.ts";
import type { Shapes } from "../shapes.ts";

const activations = new Set([
  "Celu",
  "Clip",
  "Elu",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "LeakyRelu",
  "Mish",
  "PRelu",
  "Relu",
  "Selu",
  "Sigmoid",
  "Softplus",
  "Softsign",
  "Swish",
  "Tanh",
  "ThresholdedRelu",
]);

/** Operators that join values element by element: what makes a residual block. */
const sums = new Set(["Add", "Sum", "Sub", "Mean"]);
const elementwiseJoins = new Set([...sums, "Mul", "Div", "Max", "Min"]);

/** Operators whose output tells much less than their input: poor targets of reconstruction. */
const poorTargets = new Set(["Softmax", "LogSoftmax", "Hardmax"]);
const globalPools = new Set(["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"]);

/**
 * How much larger a block's end may be than what its last layer made. Padding adds a little; what adds more (upsampling, concatenated pools)
 * costs memory and tells nothing new. Local pools divide by up to 16; what takes away more (a class token) tells too little.
 */
const tolerableGrowth = { least: 1 / 16, most: 1.5 };

/** Constant almost everywhere: gradients end there, though they are defined. */
const steps = new Set(["Sign"]);

export function isActivation(node: NodeProto): boolean {
  return activations.has(node.opType);
}

export function isSum(node: NodeProto): boolean {
  return sums.has(node.opType);
}

export function isElementwiseJoin(node: NodeProto): boolean {
  return elementwiseJoins.has(node.opType);
}

/** Whether gradients pass the operator. */
export function isDifferentiable(node: NodeProto): boolean {
  return hasRule(node.opType, node.domain) && !steps.has(node.opType);
}

/**
 * Whether the node pools whole feature maps. Blocks end before it, for its output is a poor target of reconstruction,
 * and the next block begins behind it, for its input would take much memory.
 */
export function isGlobalPool(node: NodeProto, shapes: Shapes): boolean {
  if (globalPools.has(node.opType)) return true;
  const pools = node.opType.endsWith("Pool") || node.opType.startsWith("Reduce");
  if (!pools || !shapes.has(node.input[0]!) || !shapes.has(node.output[0]!)) return false;
  const [before, after] = [node.input[0]!, node.output[0]!].map((value) => shapes.shapeOf(value, 1));
  const spatial = (dims: readonly number[]) => dims.slice(1).filter((dim) => dim > 1).length;
  return before!.length > 2 && spatial(before!) > 1 && spatial(after!) <= 1;
}

/** Whether a block may end with the node: its output holds what the layer before it made, one row a sample. */
export function isGoodEnd(node: NodeProto, shapes: Shapes): boolean {
  if (!isDifferentiable(node) || isWeighted(node)) return false;
  if (poorTargets.has(node.opType) || isGlobalPool(node, shapes)) return false;
  return node.output.length === 1 && isFloatRows(node.output[0]!, shapes);
}

/** Whether the value `after` is about as large as `before`. */
export function keepsSize(before: string, after: string, shapes: Shapes): boolean {
  if (!shapes.has(before) || !shapes.has(after)) return false;
  const growth = sizeOf(shapes.shapeOf(after, 1)) / sizeOf(shapes.shapeOf(before, 1));
  return growth >= tolerableGrowth.least && growth <= tolerableGrowth.most;
}

function isFloatRows(value: string, shapes: Shapes): boolean {
  if (!shapes.has(value) || shapes.typeOf(value) !== "float") return false;
  if (shapes.fixedBatch !== undefined) return true;
  const one = shapes.shapeOf(value, 1);
  const two = shapes.shapeOf(value, 2);
  return one.length > 0 && one.every((dim, axis) => two[axis] === (axis === 0 ? 2 * dim : dim));
}
