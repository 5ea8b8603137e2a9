/** @file What a network's BatchNormalization nodes tell of the values behind them: mean and variance a channel, without data. */
import { affineMapOf } from "../../graph/affineMap.ts";
import { intAttribute, stringAttribute } from "../../graph/attributes.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Shapes } from "../../graph/shapes.ts";
import { isOperator } from "../../graph/subgraphs.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { sizeOf, toNumbers } from "../../onnx/tensor.ts";
import { clippedNormal, leakyNormal, type Moments } from "./clippedNormal.ts";
import { clipBounds, leakySlope } from "./pairs.ts";

/** Mean and variance of a value's elements, one entry a channel (axis 1). */
export type ChannelMoments = readonly Moments[];

/** Nodes behind which a channel's mean is the same; the variance may shrink, which is not counted. */
const averaging = [
  "Identity",
  "Dropout",
  "AveragePool",
  "GlobalAveragePool",
  "ReduceMean",
  "Slice",
  "Flatten",
  "Reshape",
  "Squeeze",
  "Resize",
  "Upsample",
];

/**
 * Moments of every value that BatchNormalization statistics reach: behind the node, channels are taken as normal with mean
 * `bias` and deviation |`scale`| (Nagel et al. 2019, section 4.2.1); activations clip them; sums are those of independent values.
 * @param graph prepared without folding
 */
export function batchNormMoments(graph: Graph, shapes: Shapes): Map<string, ChannelMoments> {
  const moments = new Map<string, ChannelMoments>();
  for (const node of graph.nodes) {
    const found = momentsBehind(graph, shapes, node, moments);
    if (found) moments.set(node.output[0]!, found);
  }
  return moments;
}

function momentsBehind(graph: Graph, shapes: Shapes, node: NodeProto, known: ReadonlyMap<string, ChannelMoments>): ChannelMoments | undefined {
  const output = node.output[0]!;
  if (!shapes.has(output)) return undefined;
  if (isOperator(node, "BatchNormalization")) return normalized(graph, node);
  const inputs = node.input.map((input) => known.get(input));
  const [first] = inputs;
  const operand = node.input.find((input) => known.has(input));
  if (operand && node.input.some((input) => graph.constant(input))) {
    const x = known.get(operand)!;
    const map = affineMapOf(graph, node, { name: operand, rank: shapes.shapeOf(operand, 1).length, channels: x.length });
    if (map) return x.map(({ mean, variance }, i) => ({ mean: map.scale[i]! * mean + map.shift[i]!, variance: map.scale[i]! ** 2 * variance }));
  }
  if (isOperator(node, "Add", "Sum")) return inputs.length > 0 && inputs.every((input) => input?.length === first?.length) ? sum(inputs) : undefined;
  if (isOperator(node, "Concat"))
    return intAttribute(node, "axis", 0) === 1 && inputs.every((input) => input) ? inputs.flatMap((input) => input!) : undefined;
  if (!first) return undefined;
  if (isOperator(node, "Relu")) return first.map((x) => clippedNormal(x, 0, Number.POSITIVE_INFINITY));
  if (isOperator(node, "LeakyRelu")) return first.map((x) => leakyNormal(x, leakySlope(node)));
  if (isOperator(node, "Clip")) {
    const bounds = clipBounds(graph, node);
    return bounds && first.map((x) => clippedNormal(x, bounds.low, bounds.high));
  }
  if (isOperator(node, "Pad")) return padded(graph, node, first);
  return isOperator(node, ...averaging) ? spread(first, shapes.shapeOf(node.input[0]!, 1), shapes.shapeOf(output, 1)) : undefined;
}

function normalized(graph: Graph, node: NodeProto): ChannelMoments | undefined {
  const [scale, bias] = [node.input[1], node.input[2]].map((name) => graph.constant(name ?? ""));
  if (!scale || !bias) return undefined;
  const means = toNumbers(bias);
  return toNumbers(scale).map((gamma, i) => ({ mean: means[i]!, variance: gamma * gamma }));
}

function sum(operands: readonly (ChannelMoments | undefined)[]): ChannelMoments | undefined {
  const [first, ...others] = operands as readonly ChannelMoments[];
  return first?.map((x, i) =>
    others.reduce((total, other) => ({ mean: total.mean + other[i]!.mean, variance: total.variance + other[i]!.variance }), x),
  );
}

/** Channels that a Pad with zeros adds are 0; positions that it adds are not counted. */
function padded(graph: Graph, node: NodeProto, moments: ChannelMoments): ChannelMoments | undefined {
  const pads = graph.constant(node.input[1] ?? "");
  const fill = graph.constant(node.input[2] ?? "");
  if (!pads || node.input[3] || (fill && toNumbers(fill)[0] !== 0) || stringAttribute(node, "mode", "constant") !== "constant") return undefined;
  const counts = toNumbers(pads);
  const zeros = (count: number) => new Array<Moments>(Math.max(0, count)).fill({ mean: 0, variance: 0 });
  const [before, after] = [counts[1]!, counts[counts.length / 2 + 1]!];
  return before < 0 || after < 0 ? undefined : [...zeros(before), ...moments, ...zeros(after)];
}

/** Moments behind a reshape or an average: a channel's entries repeat where its positions became channels. */
function spread(moments: ChannelMoments, from: readonly number[], to: readonly number[]): ChannelMoments | undefined {
  if (to[1] === moments.length) return moments;
  const repeat = to[1]! / moments.length;
  const flattened = to.length === 2 && Number.isInteger(repeat) && sizeOf(from) === sizeOf(to);
  return flattened ? moments.flatMap((entry) => new Array<Moments>(repeat).fill(entry)) : undefined;
}
