/** @file BatchNormalization, and multiplication and addition by constants per channel, go into the layer before them. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import { affineMapOf, perChannel } from "./affineMap.ts";
import { floatAttribute, removeAttribute } from "./attributes.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { isOperator, takeName, usedNames } from "./subgraphs.ts";
import { outputChannels } from "./weightChannels.ts";

/** The graph while it is folded. */
interface Folding {
  readonly graph: Graph;
  /** Who makes a value, kept up to date: of what a folded node made, the layer. */
  readonly producers: Map<string, NodeProto>;
  /** How often nodes and graph outputs read a value. */
  readonly readers: Map<string, number>;
  readonly takenNames: Set<string>;
}

/**
 * Folds nodes that compute y = scale x + shift per channel into the weights and the bias of the layer before them, which then makes
 * the value that the folded node made. A layer whose output others read too, or that is a graph output, stays as it is. Weights
 * that another node reads as well are copied first.
 */
export function foldAffine(graph: Graph): void {
  const folding: Folding = { graph, producers: new Map(), readers: countReaders(graph), takenNames: usedNames(graph) };
  const kept: NodeProto[] = [];
  for (const node of graph.nodes) {
    const layer = foldIntoLayer(folding, node);
    if (!layer) kept.push(node);
    for (const output of node.output) folding.producers.set(output, layer ?? node);
  }
  graph.setNodes(kept);
  graph.removeUnused();
}

function countReaders(graph: Graph): Map<string, number> {
  const readers = new Map<string, number>();
  for (const value of [...graph.nodes.flatMap(nodeReads), ...graph.outputs.map(({ name }) => name)]) {
    readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  return readers;
}

/** The layer that took the node in; undefined where none can. */
function foldIntoLayer(folding: Folding, node: NodeProto): NodeProto | undefined {
  const { graph, producers, readers } = folding;
  const operand = node.input.find((value) => producers.has(value));
  if (operand === undefined || readers.get(operand) !== 1) return undefined;
  const layer = foldableLayer(graph, producers.get(operand)!);
  const map = layer && affineMapOf(graph, node, { name: operand, rank: layer.rank, channels: layer.channels });
  if (!layer || !map) return undefined;
  const weight = layer.weight.map((value, i) => value * map.scale[layer.channelOf(i)]!);
  const bias = Float32Array.from(layer.bias, (value, channel) => value * map.scale[channel]! + map.shift[channel]!);
  if (!weight.every(Number.isFinite) || !bias.every(Number.isFinite)) return undefined;
  const weightName = layer.node.input[1]!;
  setLayerInput(folding, layer.node, 1, floatTensor(weight, layer.weightDims), `${weightName}.folded`);
  setLayerInput(folding, layer.node, 2, floatTensor(bias), layer.node.input[2] ? `${layer.node.input[2]}.folded` : biasName(weightName));
  // The bias has this factor in it now.
  if (isOperator(layer.node, "Gemm")) removeAttribute(layer.node, "beta");
  layer.node.output[0] = node.output[0]!;
  return layer.node;
}

/** Gives a layer another constant: in place of the one it has where nobody else reads that, else under a new name. */
function setLayerInput({ graph, readers, takenNames }: Folding, layer: NodeProto, position: number, tensor: Tensor, newName: string): void {
  const present = layer.input[position];
  const count = present ? readers.get(present)! : 0;
  if (present && count === 1) {
    graph.setConstant(present, tensor);
    return;
  }
  const name = takeName(takenNames, newName);
  if (present) readers.set(present, count - 1);
  readers.set(name, 1);
  graph.setConstant(name, tensor);
  layer.input[position] = name;
}

/** As PyTorch and Keras name them. */
export function biasName(weight: string): string {
  return /(weight|kernel)$/.test(weight) ? weight.replace(/(weight|kernel)$/, "bias") : `${weight}.bias`;
}

/** A layer with constant weights and bias. */
interface FoldableLayer {
  readonly node: NodeProto;
  readonly weight: Float32Array;
  readonly weightDims: readonly number[];
  /** The output channel of each weight. */
  readonly channelOf: (index: number) => number;
  /** Rank of the output. */
  readonly rank: number;
  readonly channels: number;
  /** One a channel; zeros where the layer has none. */
  readonly bias: Float64Array;
}

function foldableLayer(graph: Graph, node: NodeProto): FoldableLayer | undefined {
  if (!isOperator(node, "Conv", "ConvTranspose", "Gemm")) return undefined;
  const tensor = graph.constant(node.input[1]!);
  if (!(tensor?.data instanceof Float32Array)) return undefined;
  const { dims } = tensor;
  const { channels, channelOf } = outputChannels(node, dims);
  const rank = dims.length;
  const bias = biasOf(graph, node, rank, channels);
  return bias && { node, weight: tensor.data, weightDims: dims, channelOf, rank, channels, bias };
}

/** A Conv's, ConvTranspose's or Gemm's bias a channel; undefined where it is no constant, or differs within a channel. */
export function biasOf(graph: Graph, node: NodeProto, rank: number, channels: number): Float64Array | undefined {
  const name = node.input[2];
  if (!name) return new Float64Array(channels);
  const tensor = graph.constant(name);
  if (!tensor) return undefined;
  if (!isOperator(node, "Gemm")) return Float64Array.from(tensor.data as Float32Array);
  const beta = floatAttribute(node, "beta", 1);
  return perChannel(tensor, { rank, channels })?.map((value) => beta * value);
}
