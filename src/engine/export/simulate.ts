/** @file The quantized network as an FP32 graph: what was promised, for the exported file to be compared with. */
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { takeName, usedNames } from "../graph/subgraphs.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatScalar } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { type WeightQuantization, weightConstants } from "../quantizers/weightQuantization.ts";
import { insertNodes, redirectReaders } from "./insertNodes.ts";

/** The network with dequantized weights as floats, and activations quantized by plain arithmetic. `source` is not changed. */
export function simulatedModel(source: Graph, weights: readonly WeightQuantization[], activations: readonly ActivationQuantization[]): ModelProto {
  const graph = source.clone();
  for (const [name, tensor] of weightConstants(weights)) graph.setConstant(name, tensor);
  const taken = usedNames(graph);
  const simulated = activations.map((activation) => simulateValue(graph, taken, activation));
  activations.forEach(({ readers, value }, i) => {
    redirectReaders(graph, readers, value, simulated[i]!.result);
  });
  insertNodes(
    graph,
    simulated.flatMap(({ nodes }) => nodes),
  );
  return graph.toModel();
}

/** scale (clamp(round(x / scale) + zero, 0, 2^bits - 1) - zero), in floats. */
function simulateValue(
  graph: Graph,
  taken: Set<string>,
  { value, bits, scale, zeroPoint }: ActivationQuantization,
): { result: string; nodes: readonly NodeProto[] } {
  const b = new GraphBuilder(`${takeName(taken, `${value}_simulated`)}/`);
  const constant = (number: number) => {
    const name = b.scalar(number);
    graph.setConstant(name, floatScalar(number));
    return name;
  };
  const level = b.op("Add", [b.op("Round", [b.op("Div", [value, constant(scale)])]), constant(zeroPoint)]);
  const clamped = b.op("Clip", [level, constant(0), constant(2 ** bits - 1)]);
  const result = b.op("Mul", [b.op("Sub", [clamped, constant(zeroPoint)]), constant(scale)]);
  return { result, nodes: b.nodes };
}
