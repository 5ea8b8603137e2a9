/** @file Cutting a network into blocks, the units of reconstruction. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { type Assembly, attachAhead, attachBehind, hasEnd } from "./blocks/attach.ts";
import { nameBlocks } from "./blocks/blockNames.ts";
import { joinChains, joinFusingLayers, joinSqueezeLayers } from "./blocks/chains.ts";
import { type Cluster, Clusters } from "./blocks/clusters.ts";
import { endLayers } from "./blocks/ends.ts";
import { type Flow, flowOf } from "./blocks/flow.ts";
import { itemsOf } from "./blocks/items.ts";
import { findRegions } from "./blocks/regions.ts";
import { type Graph, nodeLabel, nodeReads } from "./graph.ts";
import type { Layer } from "./layers.ts";
import type { Shapes } from "./shapes.ts";

/**
 * "residual": around a sum. "chain": layers in a row. "join": around a concatenation, or with several inputs or outputs. "layer": one layer
 * alone. "glue": no layers.
 */
export type BlockKind = "residual" | "chain" | "join" | "layer" | "glue";

export interface Block {
  /** Unique in the network. */
  readonly name: string;
  readonly kind: BlockKind;
  /** In topological order. */
  readonly nodes: readonly NodeProto[];
  readonly layers: readonly Layer[];
  /** Values that are made outside, graph inputs included, constants not. */
  readonly inputs: readonly string[];
  /** Values that are read outside, or are graph outputs. */
  readonly outputs: readonly string[];
}

/**
 * Cuts a prepared graph into blocks (Li et al. 2021, section 3.3, for any network): every node is in one, and each reads only graph inputs and
 * outputs of earlier blocks. In no block does an operator without gradient come behind a layer. docs/blocks.md tells the rules.
 */
export function partition(graph: Graph, layers: readonly Layer[], shapes: Shapes): Block[] {
  const layerOf = new Map(layers.map((layer) => [layer.node, layer]));
  const flow = flowOf(graph);
  const assembly = assemble(flow, (vertex) => layerOf.get(flow.nodes[vertex]!), shapes);
  const clusters = assembly.clusters.all();
  const verticesOf = ({ items }: Cluster) => items.flatMap((item) => assembly.items[item]!.vertices).sort((a, b) => a - b);
  const contents = clusters.map((cluster) => {
    const nodes = verticesOf(cluster).map((vertex) => flow.nodes[vertex]!);
    return contentOf(graph, nodes, layerOf);
  });
  const names = nameBlocks(
    contents.map((content) => content.layers),
    (i) => nodeLabel(contents[i]!.nodes[0]!),
  );
  const blocks = contents.map((content, i) => ({ name: names[i]!, kind: kindOf(assembly, clusters[i]!, content), ...content }));
  requireOrder(graph, blocks);
  return blocks;
}

/** Puts the vertices of a data flow together into the clusters that become blocks. */
function assemble(flow: Flow, layerAt: (vertex: number) => Layer | undefined, shapes: Shapes): Assembly {
  const isLayer = (vertex: number) => layerAt(vertex) !== undefined;
  const ends = endLayers(flow, isLayer);
  const regions = findRegions(flow, isLayer, (vertex) => ends.has(vertex));
  const items = itemsOf(flow, regions, isLayer);
  const assembly: Assembly = {
    items,
    clusters: new Clusters(items),
    shapes,
    nodesOf: (item) => items[item]!.vertices.map((vertex) => flow.nodes[vertex]!),
    isEnd: (item) => ends.has(items[item]!.vertices[0]!),
  };
  const followers = attachBehind(assembly);
  attachAhead(assembly);
  const facts = { ...assembly, followers, layersOf: (item: number) => items[item]!.vertices.flatMap((vertex) => layerAt(vertex) ?? []) };
  joinSqueezeLayers(facts);
  joinFusingLayers(facts);
  joinChains(facts);
  return assembly;
}

function contentOf(graph: Graph, nodes: readonly NodeProto[], layerOf: ReadonlyMap<NodeProto, Layer>): Omit<Block, "name" | "kind"> {
  const inside = new Set(nodes);
  const made = new Set(nodes.flatMap((node) => node.output).filter((value) => value !== ""));
  const inputs = new Set(nodes.flatMap(nodeReads).filter((value) => !made.has(value) && !graph.initializers.has(value)));
  const outputs = [...made].filter((value) => graph.isOutput(value) || graph.consumers(value).some((reader) => !inside.has(reader)));
  return { nodes, layers: nodes.flatMap((node) => layerOf.get(node) ?? []), inputs: [...inputs], outputs };
}

function kindOf(assembly: Assembly, cluster: Cluster, { layers, inputs, outputs }: Omit<Block, "name" | "kind">): BlockKind {
  if (layers.length === 0) return "glue";
  if (hasEnd(assembly, cluster)) return "layer";
  if (cluster.kinds.has("join")) return "join";
  if (cluster.kinds.has("residual")) return "residual";
  if (inputs.length > 1 || outputs.length > 1) return "join";
  return layers.length === 1 ? "layer" : "chain";
}

/** @throws where a node is in no block or in two, or a block reads what a later one makes: a defect of this program */
function requireOrder(graph: Graph, blocks: readonly Block[]): void {
  const known = new Set(graph.inputs.map(({ name }) => name));
  const placed = new Set<NodeProto>();
  for (const { name, nodes } of blocks) {
    for (const node of nodes) {
      const missing = nodeReads(node).find((value) => !known.has(value) && !graph.initializers.has(value));
      if (missing !== undefined) throw new Error(`internal: block "${name}" reads "${missing}" before it is made`);
      if (placed.has(node)) throw new Error(`internal: a node of block "${name}" is in another block too`);
      placed.add(node);
      for (const value of node.output) known.add(value);
    }
  }
  if (placed.size !== graph.nodes.length) throw new Error("internal: nodes are in no block");
}

/**
 * Names of the layers that read the network's input, or make its output, with no other layer between, as far as each is alone in its block.
 */
export function firstLastLayers(blocks: readonly Block[]): ReadonlySet<string> {
  const ends = [...firstBlocks(blocks), ...lastBlocks(blocks)].filter(({ kind }) => kind === "layer");
  return new Set(ends.map(({ layers }) => layers[0]!.name));
}

function firstBlocks(blocks: readonly Block[]): Block[] {
  const behindLayer = new Set<string>();
  return blocks.filter(({ layers, inputs, outputs }) => {
    const isFirst = layers.length > 0 && !inputs.some((value) => behindLayer.has(value));
    if (layers.length > 0 || inputs.some((value) => behindLayer.has(value))) for (const value of outputs) behindLayer.add(value);
    return isFirst;
  });
}

function lastBlocks(blocks: readonly Block[]): Block[] {
  const beforeLayer = new Set<string>();
  return blocks.toReversed().filter(({ layers, inputs, outputs }) => {
    const isLast = layers.length > 0 && !outputs.some((value) => beforeLayer.has(value));
    if (layers.length > 0 || outputs.some((value) => beforeLayer.has(value))) for (const value of inputs) beforeLayer.add(value);
    return isLast;
  });
}
