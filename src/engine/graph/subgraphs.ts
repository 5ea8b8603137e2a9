/** @file Nodes and names inside the subgraphs of control flow, which passes must see and rename too. */
import type { GraphProto, NodeProto } from "../onnx/onnx_pb.ts";
import type { Graph } from "./graph.ts";

/** Whether a node's domain is that of the standard operators. */
export function isDefaultDomain(domain: string): boolean {
  return domain === "" || domain === "ai.onnx";
}

/** Whether the node is the standard operator of that name. */
export function isOperator(node: NodeProto, ...opTypes: readonly string[]): boolean {
  return isDefaultDomain(node.domain) && opTypes.includes(node.opType);
}

/** The subgraphs of a node. */
export function subgraphsOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap((attribute) => (attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs));
}

/** The nodes and all nodes in their subgraphs. */
export function* nodesWithin(nodes: readonly NodeProto[]): Generator<NodeProto> {
  for (const node of nodes) {
    yield node;
    for (const graph of subgraphsOf(node)) yield* nodesWithin(graph.node);
  }
}

/** Every name of a value or node in use, those of subgraphs included. */
export function usedNames(graph: Graph): Set<string> {
  const names = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name), ...graph.outputs.map(({ name }) => name)]);
  addNodeNames(graph.nodes, names);
  return names;
}

/** `base`, or `base` with a number behind it, that is not among the taken names; adds it to them. */
export function takeName(taken: Set<string>, base: string): string {
  let name = base;
  for (let n = 1; taken.has(name); n++) name = `${base}_${n}`;
  taken.add(name);
  return name;
}

function addNodeNames(nodes: readonly NodeProto[], names: Set<string>): void {
  for (const node of nodes) {
    names.add(node.name);
    for (const name of node.input) names.add(name);
    for (const name of node.output) names.add(name);
    for (const graph of subgraphsOf(node)) {
      for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) names.add(name);
      addNodeNames(graph.node, names);
    }
  }
}

/** Makes a node read other values: its inputs, and what its subgraphs read from outside. */
export function renameReads(node: NodeProto, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  node.input = node.input.map((name) => names.get(name) ?? name);
  for (const graph of subgraphsOf(node)) renameOuterReads(graph, names);
}

function renameOuterReads(graph: GraphProto, names: ReadonlyMap<string, string>): void {
  const outer = new Map(names);
  for (const { name } of [...graph.input, ...graph.initializer]) outer.delete(name);
  for (const node of graph.node) for (const name of node.output) outer.delete(name);
  for (const node of graph.node) renameReads(node, outer);
  for (const output of graph.output) output.name = outer.get(output.name) ?? output.name;
}
