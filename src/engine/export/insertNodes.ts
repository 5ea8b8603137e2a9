/** @file Adding nodes to a graph, and letting others read what they make. */
import { create } from "@bufbuild/protobuf";
import { makeAttributes } from "../graph/attributes.ts";
import { type Graph, nodeReads } from "../graph/graph.ts";
import { renameReads } from "../graph/subgraphs.ts";
import { type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";

/** A node with one output, named after it unless `name` is given. */
export function newNode(
  opType: string,
  input: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
  name = output,
): NodeProto {
  return create(NodeProtoSchema, { opType, name, input: [...input], output: [output], attribute: makeAttributes(attributes) });
}

/** Puts each of the added nodes just before the first node that needs its output; what nobody needs is left out. */
export function insertNodes(graph: Graph, added: readonly NodeProto[]): void {
  const pending = new Map(added.map((node) => [node.output[0]!, node]));
  const nodes: NodeProto[] = [];
  const place = (node: NodeProto) => {
    for (const value of nodeReads(node)) {
      const maker = pending.get(value);
      if (!maker) continue;
      pending.delete(value);
      place(maker);
    }
    nodes.push(node);
  };
  for (const node of graph.nodes) place(node);
  graph.setNodes(nodes);
}

/** Makes the nodes that have these outputs read `replacement` in place of `value`, in their subgraphs too. */
export function redirectReaders(graph: Graph, readers: readonly string[], value: string, replacement: string): void {
  for (const reader of readers) {
    const node = graph.producer(reader);
    if (!node) throw new Error(`internal: no node makes "${reader}", which should read "${value}"`);
    renameReads(node, new Map([[value, replacement]]));
  }
}
