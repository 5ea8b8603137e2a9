/** @file Cutting a network into blocks, the units of reconstruction. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { type Graph, nodeLabel, nodeReads } from "./graph.ts";
import { uniqueNames } from "./layerNames.ts";
import type { Layer } from "./layers.ts";
import type { Shapes } from "./shapes.ts";

export type BlockKind = "residual" | "chain" | "join" | "layer" | "glue";

export interface Block {
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

export function partition(graph: Graph, layers: readonly Layer[], _shapes: Shapes): Block[] {
  const layerOf = new Map(layers.map((layer) => [layer.node, layer]));
  const groups: NodeProto[][] = [];
  for (const atom of atoms(graph)) {
    if (atom.some((node) => layerOf.has(node)) || groups.length === 0) groups.push(atom);
    else groups.at(-1)!.push(...atom);
  }
  const blocks = groups.map((nodes) => blockOf(graph, nodes, layerOf));
  const names = uniqueNames(blocks.map(({ name }) => name));
  return blocks.map((block, i) => ({ ...block, name: names[i]! }));
}

export function firstLastLayers(blocks: readonly Block[]): ReadonlySet<string> {
  const layered = blocks.filter(({ layers }) => layers.length > 0);
  const ends = [layered[0], layered.at(-1)].filter((block) => block?.layers.length === 1);
  return new Set(ends.map((block) => block!.layers[0]!.name));
}

/** Node groups between values that every path passes. */
function atoms(graph: Graph): NodeProto[][] {
  const remaining = new Map<string, number>();
  const groups: NodeProto[][] = [];
  let group: NodeProto[] = [];
  let live = 0;
  const readersOf = (value: string) => graph.consumers(value).length + (graph.isOutput(value) ? 1 : 0);
  for (const { name } of graph.inputs) {
    remaining.set(name, readersOf(name));
    live++;
  }
  for (const node of graph.nodes) {
    group.push(node);
    for (const value of new Set(nodeReads(node))) {
      const left = remaining.get(value);
      if (left === undefined) continue;
      remaining.set(value, left - 1);
      if (left === 1) live--;
    }
    for (const value of node.output) {
      if (value === "" || readersOf(value) === 0) continue;
      remaining.set(value, readersOf(value));
      live++;
    }
    if (live <= 1) {
      groups.push(group);
      group = [];
    }
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

function blockOf(graph: Graph, nodes: NodeProto[], layerOf: ReadonlyMap<NodeProto, Layer>): Block {
  const layers = nodes.flatMap((node) => layerOf.get(node) ?? []);
  const inside = new Set(nodes);
  const made = new Set(nodes.flatMap((node) => node.output).filter((value) => value !== ""));
  const inputs = new Set(nodes.flatMap(nodeReads).filter((value) => !made.has(value) && !graph.initializers.has(value)));
  const outputs = [...made].filter((value) => graph.isOutput(value) || graph.consumers(value).some((reader) => !inside.has(reader)));
  const residual = layers.length > 1 && nodes.some(({ opType }) => opType === "Add");
  const kind = layers.length === 0 ? "glue" : layers.length === 1 ? "layer" : residual ? "residual" : "chain";
  return { name: layers[0]?.name ?? nodeLabel(nodes[0]!), kind, nodes, layers, inputs: [...inputs], outputs };
}
