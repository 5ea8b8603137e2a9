/** @file Integer weights with a DequantizeLinear in the place of FP32 weights. */
import type { Graph } from "../graph/graph.ts";
import { renameReads, takeName } from "../graph/subgraphs.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor } from "../onnx/tensor.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { newNode } from "./insertNodes.ts";
import { type IntegerType, integerTensor } from "./integerTypes.ts";

/** Name of the node that dequantizes a layer's weights. */
export function weightNodeName(layer: string): string {
  return `${layer}.weight_dequantized`;
}

/** Adds a layer's integer weights to the graph, and gives the node, still to be inserted, that its readers now read. */
export function dequantizeWeight(graph: Graph, taken: Set<string>, weight: WeightQuantization, type: IntegerType): NodeProto {
  const name = (part: string) => takeName(taken, `${weight.weight}_${part}`);
  const inputs = [name("quantized"), name("scale"), name("zero_point")] as const;
  graph.setConstant(inputs[0], integerTensor(type, weight.values, weight.dims));
  graph.setConstant(inputs[1], floatTensor(weight.scale));
  graph.setConstant(inputs[2], integerTensor(type, weight.zeroPoint, [weight.zeroPoint.length]));
  const output = name("dequantized");
  for (const reader of graph.consumers(weight.weight)) renameReads(reader, new Map([[weight.weight, output]]));
  return newNode("DequantizeLinear", inputs, output, { axis: writtenAxis(weight) }, weightNodeName(weight.layer));
}

/**
 * The last axis of a matrix is written as -1: ONNX Runtime (1.26 to 1.32 at least) fuses a MatMul or Gemm whose weights are dequantized along
 * axis 1 into MatMulNBits, which rounds the activations to 8 bits (3e-3 to 8e-3 off, measured with 1.30). It leaves axis -1 alone.
 */
function writtenAxis({ axis, dims }: WeightQuantization): number {
  return dims.length === 2 && axis === 1 ? -1 : axis;
}
