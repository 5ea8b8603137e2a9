/** @file Which nodes compute y = scale x + shift per channel, with constants. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { sizeOf, type Tensor, toNumbers } from "../onnx/tensor.ts";
import { floatAttribute, intAttribute } from "./attributes.ts";
import type { Graph } from "./graph.ts";
import { isOperator } from "./subgraphs.ts";

/** y = scale x + shift, one of each a channel. */
export interface AffineMap {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The operand that is mapped: its rank, and how many channels axis 1 has. */
export interface Operand {
  readonly name: string;
  readonly rank: number;
  readonly channels: number;
}

/** What a BatchNormalization, Mul, Div, Add or Sub makes of an operand; undefined where that is no such map. */
export function affineMapOf(graph: Graph, node: NodeProto, operand: Operand): AffineMap | undefined {
  if (isOperator(node, "BatchNormalization")) return batchNormalization(graph, node, operand);
  if (!isOperator(node, "Mul", "Div", "Add", "Sub") || node.input.length !== 2) return undefined;
  const first = node.input[0] === operand.name;
  const tensor = graph.constant(node.input[first ? 1 : 0]!);
  const constant = tensor && perChannel(tensor, operand);
  if (!constant) return undefined;
  const filled = (value: number) => new Float64Array(operand.channels).fill(value);
  if (node.opType === "Mul") return { scale: constant, shift: filled(0) };
  if (node.opType === "Add") return { scale: filled(1), shift: constant };
  // c - x and c / x: the former would be one, but nobody writes it behind a layer.
  if (!first) return undefined;
  if (node.opType === "Sub") return { scale: filled(1), shift: constant.map((value) => -value) };
  return { scale: constant.map((value) => 1 / value), shift: filled(0) };
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta (Ioffe & Szegedy 2015, section 3.1). */
function batchNormalization(graph: Graph, node: NodeProto, { channels }: Operand): AffineMap | undefined {
  if (intAttribute(node, "training_mode", 0) !== 0 || node.output.slice(1).some((output) => output !== "")) return undefined;
  const parameters = node.input.slice(1).map((name) => floats(graph.constant(name), channels));
  const [gamma, beta, mean, variance] = parameters;
  if (!gamma || !beta || !mean || !variance) return undefined;
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const scale = gamma.map((value, channel) => value / Math.sqrt(variance[channel]! + epsilon));
  return { scale, shift: beta.map((value, channel) => value - mean[channel]! * scale[channel]!) };
}

function floats(tensor: Tensor | undefined, length: number): Float64Array | undefined {
  return tensor && tensor.data.length === length ? Float64Array.from(toNumbers(tensor)) : undefined;
}

/** A constant that broadcasts along channels alone, or is one number, as one number a channel. */
export function perChannel(tensor: Tensor, { rank, channels }: Omit<Operand, "name">): Float64Array | undefined {
  if (tensor.type !== "float" || tensor.dims.length > rank) return undefined;
  const aligned = [...new Array<number>(rank - tensor.dims.length).fill(1), ...tensor.dims];
  if (aligned.some((dim, axis) => dim !== 1 && (axis !== 1 || dim !== channels))) return undefined;
  const values = toNumbers(tensor);
  return sizeOf(tensor.dims) === 1 ? new Float64Array(channels).fill(values[0]!) : Float64Array.from(values);
}
