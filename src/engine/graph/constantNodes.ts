/** @file Constant nodes as initializers. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatScalar, floatTensor, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import { decodeTensor } from "../onnx/tensorCodec.ts";
import { attributeOf, floatsAttribute, intsAttribute } from "./attributes.ts";
import type { Graph } from "./graph.ts";

/** Turns Constant nodes into initializers, but for sparse ones and those that are graph outputs. */
export function constantNodesToInitializers(graph: Graph): void {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const kept = graph.nodes.filter((node) => {
    if (node.opType !== "Constant" || outputs.has(node.output[0]!)) return true;
    const tensor = constantNodeValue(node);
    if (tensor) graph.setConstant(node.output[0]!, tensor);
    return tensor === undefined;
  });
  graph.setNodes(kept);
}

function constantNodeValue(node: NodeProto): Tensor | undefined {
  const tensor = attributeOf(node, "value")?.t;
  if (tensor) return decodeTensor(tensor);
  const float = attributeOf(node, "value_float");
  if (float) return floatScalar(float.f);
  const int = attributeOf(node, "value_int");
  if (int) return int64Tensor([Number(int.i)], []);
  const floats = floatsAttribute(node, "value_floats");
  if (floats) return floatTensor(floats);
  const ints = intsAttribute(node, "value_ints");
  if (ints) return int64Tensor(ints);
  return undefined;
}
