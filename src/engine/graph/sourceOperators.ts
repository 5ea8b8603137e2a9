/** @file Which operators of the file a prepared operator stands for. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { Graph } from "./graph.ts";
import type { Network } from "./prepare.ts";

const longestWalk = 16;

/**
 * "Conv, BatchNormalization" for a convolution with a folded BatchNormalization; nodes that are as in the file are absent. Folding keeps
 * the name of the last value, so the way back from it to what the prepared node reads passes the folded operators.
 */
export function sourceOperators({ graph, source }: Network): Map<NodeProto, string> {
  const file = new Graph(source);
  const found = new Map<NodeProto, string>();
  for (const node of graph.nodes) {
    const reads = new Set(node.input);
    const operators: string[] = [];
    let value: string | undefined = node.output[0];
    while (value !== undefined && operators.length < longestWalk) {
      const producer = file.producer(value);
      if (!producer || (operators.length > 0 && reads.has(value))) break;
      operators.unshift(producer.opType);
      value = producer.input.find((input) => input !== "" && !file.initializers.has(input) && file.producer(input)?.opType !== "Constant");
    }
    if (operators.length > 1 && value !== undefined && reads.has(value)) found.set(node, operators.join(", "));
  }
  return found;
}
