/** @file A weight tensor for each layer, where layers share one. */
import { shallowCopy } from "../onnx/messages.ts";
import { type NodeProto, TensorProtoSchema } from "../onnx/onnx_pb.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { isOperator, takeName, usedNames } from "./subgraphs.ts";

/**
 * Gives every Conv, ConvTranspose, Gemm and MatMul weights that nobody else reads, for each is rounded by itself. The copies share
 * their bytes here, but not in a file.
 * @returns a warning that names the shared tensors, where there are any
 */
export function unshareWeights(graph: Graph): string[] {
  const readers = new Map<string, number>();
  for (const value of [...graph.nodes.flatMap(nodeReads), ...graph.outputs.map(({ name }) => name)]) {
    readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  const taken = usedNames(graph);
  const shared = new Set<string>();
  for (const node of graph.nodes) {
    for (const position of weightPositions(node)) {
      const weight = node.input[position] ?? "";
      const tensor = graph.initializers.get(weight);
      const count = readers.get(weight) ?? 0;
      if (!tensor || count < 2) continue;
      const name = takeName(taken, `${weight}.copy`);
      graph.initializers.set(name, shallowCopy(TensorProtoSchema, tensor, { name }));
      node.input[position] = name;
      readers.set(weight, count - 1);
      shared.add(weight);
    }
  }
  graph.touch();
  if (shared.size === 0) return [];
  const names = [...shared].map((name) => `"${name}"`);
  const listed = names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  return [`Several layers share the weights ${listed}: each gets a copy of its own, which makes the quantized model larger.`];
}

function weightPositions(node: NodeProto): number[] {
  if (isOperator(node, "Conv", "ConvTranspose", "Gemm")) return [1];
  return isOperator(node, "MatMul") ? [0, 1] : [];
}
