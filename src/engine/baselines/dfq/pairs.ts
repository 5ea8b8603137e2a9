/** @file Which layers can be equalized with the layers that read them. */
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from "../../graph/attributes.ts";
import { type Graph, nodeLabel } from "../../graph/graph.ts";
import type { Layer } from "../../graph/layers.ts";
import type { Shapes } from "../../graph/shapes.ts";
import { isOperator } from "../../graph/subgraphs.ts";
import { inputChannels, outputChannels } from "../../graph/weightChannels.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { sizeOf, toNumbers } from "../../onnx/tensor.ts";

/** A layer whose output channels may be divided by positive factors if all its readers' inputs are multiplied by them. */
export interface Pair {
  readonly first: Layer;
  readonly channels: number;
  /** The layers that read it, each behind nodes that let a positive factor per channel pass. */
  readonly seconds: readonly Layer[];
  /** The nodes between, in topological order. */
  readonly between: readonly NodeProto[];
}

export interface SkippedLayer {
  readonly layer: string;
  /** Completes "… is not equalized: ". */
  readonly reason: string;
}

/** Operators f with f(s x) = s f(x) for s > 0, channel by channel, whatever their attributes. */
const homogeneous = [
  "Relu",
  "LeakyRelu",
  "Identity",
  "Dropout",
  "MaxPool",
  "AveragePool",
  "GlobalAveragePool",
  "GlobalMaxPool",
  "Resize",
  "Upsample",
];

/** The pairs of a graph, and why its other layers are in none. */
export function findPairs(graph: Graph, shapes: Shapes, layers: readonly Layer[]): { pairs: Pair[]; skipped: SkippedLayer[] } {
  const pairs: Pair[] = [];
  const skipped: SkippedLayer[] = [];
  for (const layer of layers) {
    const found = pairOf(graph, shapes, layers, layer);
    if (typeof found === "string") skipped.push({ layer: layer.name, reason: found });
    else pairs.push(found);
  }
  return { pairs, skipped };
}

/** The pair that a layer is first in, or why there is none. */
function pairOf(graph: Graph, shapes: Shapes, layers: readonly Layer[], first: Layer): Pair | string {
  if (first.op === "MatMul" && first.shape.length !== 2) return "its weights are a stack of matrices";
  if (first.op !== "MatMul" && first.bias === undefined) return "its bias is not a constant with one number a channel";
  const output = first.node.output[0]!;
  if (!shapes.has(output)) return "the shape of its output is not known";
  const dims = shapes.shapeOf(output, 1);
  const { channels } = outputChannels(first.node, first.shape);
  if (dims[1] !== channels || (first.op === "MatMul" && dims.length !== 2)) return "its channels do not lie along axis 1";
  const between: NodeProto[] = [];
  const seconds: Layer[] = [];
  const values = [output];
  for (const value of values) {
    if (graph.isOutput(value)) return "the network puts its output out";
    for (const reader of graph.consumers(value)) {
      const second = layers.find(({ node }) => node === reader);
      if (second) {
        if (!takesChannels(second, shapes.shapeOf(value, 1), channels)) return `"${second.name}" mixes its channels`;
        seconds.push(second);
      } else {
        if (!passesScale(graph, shapes, reader, value, channels)) return `it is read by ${nodeLabel(reader)} (${reader.opType})`;
        between.push(reader);
        values.push(reader.output[0]!);
      }
    }
  }
  return seconds.length === 0 ? "no layer reads it" : { first, channels, seconds, between };
}

/** Whether a layer's input channels are the given ones, or equally many neighbours of each (behind a Flatten). */
function takesChannels(layer: Layer, dims: readonly number[], channels: number): boolean {
  if (layer.op === "MatMul" && (layer.shape.length !== 2 || dims.length !== 2)) return false;
  if (layer.op === "Gemm" && intAttribute(layer.node, "transA", 0) !== 0) return false;
  const inputs = inputChannels(layer.node, layer.shape).channels;
  return inputs === dims[1] && inputs % channels === 0;
}

/** Whether a node that reads `value` at its first input alone hands a positive factor per channel on. */
function passesScale(graph: Graph, shapes: Shapes, node: NodeProto, value: string, channels: number): boolean {
  const output = node.output[0]!;
  if (node.input[0] !== value || node.input.slice(1).includes(value) || !shapes.has(output)) return false;
  const from = shapes.shapeOf(value, 1);
  const to = shapes.shapeOf(output, 1);
  if (isOperator(node, "Flatten", "Reshape", "Squeeze")) return keepsOrder(from, to, channels);
  if (to[1] !== from[1]) return false;
  if (isOperator(node, ...homogeneous)) return node.output.slice(1).every((other) => other === "" || graph.consumers(other).length === 0);
  if (isOperator(node, "Clip")) return clipBounds(graph, node) !== undefined;
  if (isOperator(node, "Pad")) return padsZeros(graph, node);
  if (isOperator(node, "ReduceMean")) return reducesPositions(graph, node, from.length);
  return false;
}

/** Whether a reshape leaves a sample's channels one after the other, each with all its positions. */
function keepsOrder(from: readonly number[], to: readonly number[], channels: number): boolean {
  if (from[0] !== to[0] || to.length < 2 || sizeOf(from) !== sizeOf(to)) return false;
  return to[1]! % channels === 0 && (to[1] === from[1] || to.length === 2);
}

/** The bounds of a Clip, infinite where it has none; undefined where they are no constants. */
export function clipBounds(graph: Graph, node: NodeProto): { low: number; high: number } | undefined {
  const read = (position: number, fallback: number) => {
    const name = node.input[position];
    if (!name) return fallback;
    const tensor = graph.constant(name);
    return tensor && sizeOf(tensor.dims) === 1 ? toNumbers(tensor)[0]! : Number.NaN;
  };
  const low = read(1, Number.NEGATIVE_INFINITY);
  const high = read(2, Number.POSITIVE_INFINITY);
  return Number.isNaN(low) || Number.isNaN(high) || low > high ? undefined : { low, high };
}

function padsZeros(graph: Graph, node: NodeProto): boolean {
  const pads = graph.constant(node.input[1] ?? "");
  if (stringAttribute(node, "mode", "constant") !== "constant" || !pads || node.input[3]) return false;
  const counts = toNumbers(pads);
  const rank = counts.length / 2;
  if ([0, 1, rank, rank + 1].some((axis) => counts[axis] !== 0)) return false;
  if (!node.input[2]) return true;
  const fill = graph.constant(node.input[2]);
  return fill !== undefined && toNumbers(fill).every((number) => number === 0);
}

function reducesPositions(graph: Graph, node: NodeProto, rank: number): boolean {
  const constant = graph.constant(node.input[1] ?? "");
  const axes = intsAttribute(node, "axes") ?? (constant && toNumbers(constant));
  return axes?.every((axis) => (axis < 0 ? axis + rank : axis) > 1) ?? false;
}

/** The slope of a LeakyRelu below 0. */
export function leakySlope(node: NodeProto): number {
  return floatAttribute(node, "alpha", 0.01);
}
