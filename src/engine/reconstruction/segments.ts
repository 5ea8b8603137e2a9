/** @file How the network's blocks are cut for reconstruction: as they are, layer by layer, or put together into larger units. */
import type { Granularity } from "../../config/schema.ts";
import { nodeReads } from "../graph/graph.ts";
import type { Layer } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { isBatched, type Segment } from "./segment.ts";
import { mergeBlocks } from "./stages.ts";

/** A part of the network that is reconstructed at once (or only run, where it has no layers). */
export interface Unit extends Segment {
  readonly name: string;
  readonly kind: string;
  readonly layers: readonly Layer[];
}

/** The network's units in the order in which they run. Together they cover every node. */
export function reconstructionUnits(network: Network, granularity: Granularity): Unit[] {
  const blocks: Unit[] = network.blocks.map((block) => ({ ...block }));
  return mergeUncacheable(network, unitsOf(network, blocks, granularity));
}

function unitsOf(network: Network, blocks: readonly Unit[], granularity: Granularity): Unit[] {
  switch (granularity) {
    case "layer":
      return blocks.flatMap((block) => layerUnits(network, block));
    case "block":
      return [...blocks];
    case "stage":
    case "net":
      return mergeBlocks(network, blocks, granularity);
  }
}

/** Cuts a block into its layers, each with the activation behind it; what is left over (joins, pools) is only run. */
function layerUnits(network: Network, block: Unit): Unit[] {
  if (block.layers.length <= 1) return [block];
  const layerOf = new Map(block.layers.map((layer) => [layer.node, layer]));
  const inBlock = new Set(block.nodes);
  const taken = new Set<NodeProto>();
  const groups: NodeProto[][] = [];
  for (const node of block.nodes) {
    if (taken.has(node)) continue;
    const group = [node];
    for (let next = layerOf.has(node) ? follower(node) : undefined; next; next = follower(next)) group.push(next);
    for (const member of group) taken.add(member);
    groups.push(group);
  }
  return groups.map((nodes) => unitOf(network, nodes, block, layerOf));

  /** The only reader of a node's only output, if it reads nothing else and has no weights of its own. */
  function follower(node: NodeProto): NodeProto | undefined {
    const [output] = node.output;
    const readers = output === undefined ? [] : network.graph.consumers(output);
    if (node.output.length !== 1 || readers.length !== 1 || network.graph.isOutput(output!)) return undefined;
    const reader = readers[0]!;
    const data = nodeReads(reader).filter((value) => !network.graph.initializers.has(value));
    return inBlock.has(reader) && !layerOf.has(reader) && data.length === 1 ? reader : undefined;
  }
}

function unitOf(network: Network, nodes: readonly NodeProto[], block: Unit, layerOf: ReadonlyMap<NodeProto, Layer>): Unit {
  const layers = nodes.flatMap((node) => layerOf.get(node) ?? []);
  return { ...boundary(network, nodes), nodes, layers, name: layers[0]?.name ?? block.name, kind: layers.length > 0 ? "layer" : "glue" };
}

/** What a set of nodes reads from outside (constants apart), and what is read of it outside. */
export function boundary(network: Network, nodes: readonly NodeProto[]): { inputs: string[]; outputs: string[] } {
  const inside = new Set(nodes);
  const made = new Set(nodes.flatMap((node) => node.output).filter((output) => output !== ""));
  const inputs = new Set(nodes.flatMap(nodeReads).filter((value) => !made.has(value) && !network.graph.initializers.has(value)));
  const outputs = [...made].filter((value) => network.graph.isOutput(value) || network.graph.consumers(value).some((reader) => !inside.has(reader)));
  return { inputs: [...inputs], outputs };
}

/** Joins units between which a value passes that can't be cached row by row: one that varies with the batch otherwise than by its first axis. */
function mergeUncacheable(network: Network, units: readonly Unit[]): Unit[] {
  const merged: Unit[] = [];
  for (const unit of units) {
    const from = merged.findIndex(({ outputs }) => outputs.some((value) => unit.inputs.includes(value) && !isCacheable(network, value)));
    if (from < 0) {
      merged.push(unit);
      continue;
    }
    const parts = [...merged.splice(from), unit];
    const nodes = parts.flatMap((part) => part.nodes);
    const named = parts.find(({ layers }) => layers.length > 0) ?? unit;
    merged.push({ ...boundary(network, nodes), nodes, layers: parts.flatMap(({ layers }) => layers), name: named.name, kind: "join" });
  }
  return merged;
}

function isCacheable(network: Network, value: string): boolean {
  if (isBatched(network, value)) return network.shapes.typeOf(value) === "float";
  return network.shapes.shapeOf(value, 1).every((dim, axis) => dim === network.shapes.shapeOf(value, 2)[axis]);
}
