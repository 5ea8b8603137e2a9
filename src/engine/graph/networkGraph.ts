/** @file A network as it is drawn: stages, blocks, operators and what passes between them. */
import type { GroupNode, LayerFacts, NetworkGraph, OperatorNode } from "../../config/networkGraph.ts";
import type { NodeProto, ValueInfoProto } from "../onnx/onnx_pb.ts";
import { floatData, sizeOf } from "../onnx/tensor.ts";
import { toChannelMajor } from "../quantizers/channelMajor.ts";
import { nearestSqnr } from "../quantizers/nearestNoise.ts";
import { attributeTexts } from "./attributeText.ts";
import type { Block } from "./blocks.ts";
import { type Graph, nodeLabel, nodeReads } from "./graph.ts";
import type { Layer } from "./layers.ts";
import type { Network } from "./prepare.ts";
import { sourceOperators } from "./sourceOperators.ts";
import { type Stage, stagesOf } from "./stages.ts";

/** Weights whose noise is estimated, over all layers. */
const sampledWeights = 2 ** 18;

/**
 * Describes a prepared network for drawing. It is the prepared graph, because layers and blocks live in it, under the names that the nodes have
 * in the file; an operator says which operators of the file are folded into it.
 * @param fp32Bytes size of the model's files
 */
export function networkGraph(network: Network, model: string, fp32Bytes: number): NetworkGraph {
  const { graph, source } = network;
  const stages = stagesOf(network.blocks, network.shapes);
  const groups = stages.flatMap((stage) => [
    stageNode(network, stage),
    ...stage.blocks.filter(isFramed).map((block) => blockNode(network, block, stage)),
  ]);
  const operators = operatorNodes(network, stages);
  const opset = source.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version;
  return {
    model,
    opset: Number(opset ?? 1n),
    inputs: graph.inputs.map((input) => terminal(network, "in", input)),
    outputs: graph.outputs.map((output) => terminal(network, "out", output)),
    groups,
    operators: [...operators.values()],
    edges: edges(network, operators),
    layers: layerFacts(network, stages),
    firstLast: [...network.firstLast],
    aliases: Object.fromEntries(network.layers.filter(({ aliases }) => aliases.length > 0).map(({ name, aliases }) => [name, [...aliases]])),
    fp32Bytes,
    warnings: [...network.warnings],
  };
}

/** A single operator without weights needs no frame around it. */
function isFramed({ kind, nodes }: Block): boolean {
  return kind !== "glue" || nodes.length > 1;
}

const stageId = ({ name }: Stage) => `stage:${name}`;
const blockId = ({ name }: Block) => `block:${name}`;

function stageNode(network: Network, stage: Stage): GroupNode {
  return {
    id: stageId(stage),
    name: stage.name,
    level: "stage",
    kind: "stage",
    operators: stage.blocks.reduce((sum, { nodes }) => sum + nodes.length, 0),
    layers: stage.blocks.flatMap(({ layers }) => layers.map(({ name }) => name)),
    outputShape: shapeOf(network, stage.blocks.at(-1)?.outputs.at(-1)),
  };
}

function blockNode(network: Network, block: Block, stage: Stage): GroupNode {
  return {
    id: blockId(block),
    name: block.name,
    level: "block",
    kind: block.kind,
    parent: stageId(stage),
    operators: block.nodes.length,
    layers: block.layers.map(({ name }) => name),
    outputShape: shapeOf(network, block.outputs.at(-1)),
  };
}

function operatorNodes(network: Network, stages: readonly Stage[]): Map<NodeProto, OperatorNode> {
  const parents = new Map<NodeProto, string>();
  for (const stage of stages) {
    for (const block of stage.blocks) for (const node of block.nodes) parents.set(node, isFramed(block) ? blockId(block) : stageId(stage));
  }
  const layerOf = new Map(network.layers.map((layer) => [layer.node, layer.name]));
  const folded = sourceOperators(network);
  return new Map(
    network.graph.nodes.map((node, i) => {
      const from = folded.get(node);
      const attributes = attributeTexts(node);
      return [
        node,
        {
          id: `op:${i}`,
          name: nodeLabel(node),
          op: node.opType,
          domain: node.domain,
          parent: parents.get(node)!,
          layer: layerOf.get(node),
          outputShape: shapeOf(network, node.output[0]),
          attributes: from ? { ...attributes, "made of": from } : attributes,
        },
      ];
    }),
  );
}

function terminal(network: Network, prefix: "in" | "out", { name }: ValueInfoProto): NetworkGraph["inputs"][number] {
  return { id: `${prefix}:${name}`, name, shape: shapeOf(network, name) ?? [] };
}

function edges(network: Network, operators: ReadonlyMap<NodeProto, OperatorNode>): NetworkGraph["edges"] {
  const { graph } = network;
  const sourceOf = (value: string) => {
    const producer = graph.producer(value);
    if (producer) return operators.get(producer)!.id;
    return graph.isInput(value) ? `in:${value}` : undefined;
  };
  const edge = (value: string, to: string) => {
    const from = sourceOf(value);
    return from === undefined ? [] : [{ from, to, value, shape: shapeOf(network, value) }];
  };
  return [
    ...graph.nodes.flatMap((node) => [...new Set(nodeReads(node))].flatMap((value) => edge(value, operators.get(node)!.id))),
    ...graph.outputs.flatMap(({ name }) => edge(name, `out:${name}`)),
  ];
}

function layerFacts(network: Network, stages: readonly Stage[]): LayerFacts[] {
  const places = new Map(
    stages.flatMap((stage) =>
      stage.blocks.flatMap((block) => block.layers.map((layer) => [layer, { block: block.name, stage: stage.name }] as const)),
    ),
  );
  const most = sampledWeights / Math.max(1, network.layers.length);
  return network.layers.map((layer) => {
    const weights = layerWeights(network.graph, layer);
    const channels = layer.shape[layer.outputAxis]!;
    return {
      name: layer.name,
      op: layer.op,
      ...places.get(layer)!,
      shape: [...layer.shape],
      input: layer.node.input[0],
      parameters: layer.parameters,
      weights: sizeOf(layer.shape),
      channels,
      macs: layer.macs,
      weightRange: rangeOf(weights),
      nearestSqnr: nearestSqnr(toChannelMajor(weights, layer.shape, layer.outputAxis), channels, most),
    };
  });
}

/** A layer's weights in its own layout. */
export function layerWeights(graph: Graph, layer: Layer): Float32Array {
  return floatData(graph.constant(layer.weight)!);
}

/** Least and greatest value; both 0 where there is none. */
export function rangeOf(values: Float32Array): [number, number] {
  if (values.length === 0) return [0, 0];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function shapeOf({ shapes }: Network, value: string | undefined): (number | string)[] | undefined {
  return value !== undefined && shapes.has(value) ? shapes.displayDims(value) : undefined;
}
