/** @file The network in the form that DFQ works on: a bias in every layer, and clipping with bounds of its own for every channel. */

import { newNode } from "../../export/insertNodes.ts";
import { removeAttribute } from "../../graph/attributes.ts";
import { firstLastLayers, partition } from "../../graph/blocks.ts";
import { biasName, biasOf } from "../../graph/foldAffine.ts";
import type { Graph } from "../../graph/graph.ts";
import { findLayers, type Layer } from "../../graph/layers.ts";
import type { Network } from "../../graph/prepare.ts";
import { observeShapes, type Shapes } from "../../graph/shapes.ts";
import { isOperator, takeName, usedNames } from "../../graph/subgraphs.ts";
import { outputChannels } from "../../graph/weightChannels.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { floatTensor } from "../../onnx/tensor.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { clipBounds, findPairs, type Pair, type SkippedLayer } from "./pairs.ts";

/** The bounds of one clipping between a pair's layers: names of constants [1, C, 1, …]. */
export interface ChannelBounds {
  readonly pair: Pair;
  readonly constants: readonly string[];
}

export interface DfqStructure {
  /** A copy that computes the same. */
  readonly network: Network;
  readonly pairs: readonly Pair[];
  readonly skipped: readonly SkippedLayer[];
  readonly bounds: readonly ChannelBounds[];
}

/**
 * Copies a network and brings it into DFQ's form, without a change of what it computes. The structure depends on the
 * network's nodes alone and not on its weights, so that the form of an exported network can be found again.
 */
export async function dfqStructure(network: Network, runtime: Runtime): Promise<DfqStructure> {
  const graph = network.graph.clone();
  addBiases(graph, findLayers(graph, network.shapes));
  const layers = findLayers(graph, network.shapes);
  const { pairs, skipped } = findPairs(graph, network.shapes, layers);
  const bounds = pairs.flatMap((pair) => clipPerChannel(graph, network.shapes, pair));
  const shapes = await observeShapes(graph, runtime);
  const blocks = partition(graph, findLayers(graph, shapes), shapes);
  const own = { graph, shapes, layers: findLayers(graph, shapes), blocks, firstLast: firstLastLayers(blocks) };
  return { network: { ...network, ...own }, pairs, skipped, bounds };
}

/** Gives each layer that can have one a bias vector that nobody else reads. */
function addBiases(graph: Graph, layers: readonly Layer[]): void {
  const taken = usedNames(graph);
  for (const { node, weight, shape } of layers) {
    if (isOperator(node, "MatMul")) continue;
    const { channels } = outputChannels(node, shape);
    const bias = biasOf(graph, node, shape.length, channels);
    if (!bias) continue;
    const present = node.input[2];
    const name = present && graph.consumers(present).length === 1 ? present : takeName(taken, biasName(weight));
    graph.setConstant(name, floatTensor(Float32Array.from(bias)));
    node.input[2] = name;
    // The bias has this factor in it now.
    if (isOperator(node, "Gemm")) removeAttribute(node, "beta");
  }
  graph.touch();
}

/** Puts Relu, Max and Min with bounds per channel in the place of the Clips between a pair's layers. */
function clipPerChannel(graph: Graph, shapes: Shapes, pair: Pair): ChannelBounds[] {
  const taken = usedNames(graph);
  const found: ChannelBounds[] = [];
  for (const clip of pair.between.filter((node) => isOperator(node, "Clip"))) {
    const { low, high } = clipBounds(graph, clip)!;
    const dims = shapes.shapeOf(clip.output[0]!, 1).map((dim, axis) => (axis === 1 ? dim : 1));
    const constants: string[] = [];
    const bound = (value: number, label: string) => {
      const name = takeName(taken, `${clip.output[0]}_${label}`);
      graph.setConstant(name, floatTensor(new Float32Array(dims[1]!).fill(value), dims));
      constants.push(name);
      return name;
    };
    const [isLow, isHigh] = [low > -largestFloat, high < largestFloat];
    const lower = (output: string) =>
      low === 0 ? newNode("Relu", [clip.input[0]!], output) : newNode("Max", [clip.input[0]!, bound(low, "low")], output);
    const output = clip.output[0]!;
    const middle = isLow && isHigh ? takeName(taken, `${output}_raised`) : output;
    const nodes: NodeProto[] = [];
    if (isLow) nodes.push(lower(middle));
    if (isHigh) nodes.push(newNode("Min", [isLow ? middle : clip.input[0]!, bound(high, "high")], output));
    if (nodes.length === 0) nodes.push(newNode("Identity", [clip.input[0]!], output));
    graph.setNodes(graph.nodes.flatMap((node) => (node === clip ? nodes : [node])));
    found.push({ pair, constants });
  }
  graph.removeUnused();
  return found;
}

/** Exporters write the largest float for a bound that is none. */
const largestFloat = 3.4e38;
