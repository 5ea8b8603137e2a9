/** @file Taking nodes out of a graph whose output is as good as one of the values before it. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { Graph } from "./graph.ts";
import { renameReads } from "./subgraphs.ts";

/**
 * Removes nodes: every reader of a removed node's first output reads the given value instead. Graph outputs keep
 * their names. A node stays where its output is a graph output and the other value cannot take over that name.
 */
export function bypass(graph: Graph, replacements: ReadonlyMap<NodeProto, string>): void {
  if (replacements.size === 0) return;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const made = new Set(graph.nodes.flatMap((node) => node.output));
  const names = new Map<string, string>();
  const promoted = new Map<string, string>();
  const kept = graph.nodes.filter((node) => {
    const replacement = replacements.get(node);
    if (replacement === undefined) return true;
    const output = node.output[0]!;
    const source = names.get(replacement) ?? replacement;
    if (outputs.has(output)) {
      if (!made.has(source) || outputs.has(source) || promoted.has(source)) return true;
      promoted.set(source, output);
    }
    names.set(output, source);
    return false;
  });
  for (const [name, source] of names) names.set(name, promoted.get(source) ?? source);
  for (const [source, output] of promoted) names.set(source, output);
  for (const node of kept) {
    renameReads(node, names);
    node.output = node.output.map((output) => promoted.get(output) ?? output);
  }
  graph.setNodes(kept);
}
