/** @file The least model that makes an execution provider do work. */
import { GraphBuilder } from "../graph/builder.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";

/** A 2x2 matrix product, with its feeds. */
export function probeModel(): { model: ModelProto; feeds: Record<string, Tensor> } {
  const builder = new GraphBuilder();
  const x = builder.input("x", "float", [2, 2]);
  builder.output(builder.op("MatMul", [x, x]), "y", "float", [2, 2]);
  return { model: builder.model({ opset: 17, irVersion: 8 }), feeds: { x: floatTensor([1, 2, 3, 4], [2, 2]) } };
}
