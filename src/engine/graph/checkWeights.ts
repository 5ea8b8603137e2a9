/** @file Refusing models with broken weights, which would spoil every later step without a word. */
import { UserError } from "../errors.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { type Tensor, toNumbers } from "../onnx/tensor.ts";
import { type Graph, nodeLabel } from "./graph.ts";
import { isOperator } from "./subgraphs.ts";

const weightedOperators = ["Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"];

/** @throws UserError where a weight, bias or statistic of a layer is infinite or not a number */
export function requireFiniteWeights(graph: Graph): void {
  const checked = new Set<string>();
  for (const node of graph.nodes) {
    if (!isOperator(node, ...weightedOperators)) continue;
    for (const value of node.input) {
      if (checked.has(value)) continue;
      checked.add(value);
      const tensor = graph.constant(value);
      if (tensor) requireFinite(node, value, tensor);
    }
  }
}

function requireFinite(node: NodeProto, name: string, tensor: Tensor): void {
  const wrong = firstNonFinite(tensor);
  if (wrong === undefined) return;
  throw new UserError(`The weights "${name}" of the layer "${nodeLabel(node)}" contain ${wrong}.`, {
    hint: "Train or export the model again: weights must be finite numbers.",
    place: { node: nodeLabel(node) },
  });
}

function firstNonFinite(tensor: Tensor): number | undefined {
  if (tensor.data instanceof Float32Array || tensor.data instanceof Float64Array) {
    return tensor.data.find((value) => !Number.isFinite(value));
  }
  return tensor.type === "float16" || tensor.type === "bfloat16" ? toNumbers(tensor).find((value) => !Number.isFinite(value)) : undefined;
}
