/** @file The quantized network as an FP32 graph: what was promised, for the exported file to be compared with. */
import { create } from "@bufbuild/protobuf";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { type ModelProto, type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatScalar, floatTensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { dequantize, type WeightQuantization } from "../quantizers/weightQuantization.ts";

/** The network with dequantized weights as floats, and activations quantized by plain arithmetic. */
export function simulatedModel(source: Graph, weights: readonly WeightQuantization[], activations: readonly ActivationQuantization[]): ModelProto {
  const graph = source.clone();
  for (const weight of weights) graph.setConstant(weight.weight, floatTensor(dequantize(weight), weight.dims));
  for (const activation of activations) simulateActivation(graph, activation);
  return graph.toModel();
}

/** scale (clamp(round(x / scale) + zero, 0, n-1) - zero), in floats. */
function simulateActivation(graph: Graph, { value, readers, bits, scale, zeroPoint }: ActivationQuantization): void {
  const b = new GraphBuilder(`${value}/simulated/`);
  const level = b.op("Add", [b.op("Round", [b.op("Div", [value, b.scalar(scale)])]), b.scalar(zeroPoint)]);
  const clamped = b.op("Clip", [level, b.scalar(0), b.scalar(2 ** bits - 1)]);
  const result = b.op("Mul", [b.op("Sub", [clamped, b.scalar(zeroPoint)]), b.scalar(scale)]);
  for (const constant of [scale, zeroPoint, 0, 2 ** bits - 1]) graph.setConstant(b.scalar(constant), floatScalar(constant));
  const reading = new Set(readers);
  const readsQuantized = (node: NodeProto) => node.output.some((output) => reading.has(output));
  for (const node of graph.nodes.filter(readsQuantized)) node.input = node.input.map((input) => (input === value ? result : input));
  const producer = graph.producer(value);
  const position = producer ? graph.nodes.indexOf(producer) + 1 : 0;
  graph.setNodes([...graph.nodes.slice(0, position), ...b.nodes.map((node) => create(NodeProtoSchema, node)), ...graph.nodes.slice(position)]);
}
