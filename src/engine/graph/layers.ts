/** @file The layers of a network: the weighted operators whose weights can be quantized. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { sizeOf } from "../onnx/tensor.ts";
import { dataTypeOfCode, tensorProtoDims } from "../onnx/tensorCodec.ts";
import { intAttribute } from "./attributes.ts";
import type { Graph } from "./graph.ts";
import { nameLayers } from "./layerNames.ts";
import type { Shapes } from "./shapes.ts";

export const layerOperators = ["Conv", "ConvTranspose", "Gemm", "MatMul"] as const;

export type LayerOperator = (typeof layerOperators)[number];

/** A weighted operator with constant weights. */
export interface Layer {
  /** Unique in the network. */
  readonly name: string;
  readonly node: NodeProto;
  readonly op: LayerOperator;
  /** The initializer that holds the weights. */
  readonly weight: string;
  /** The initializer that holds the bias. */
  readonly bias: string | undefined;
  /** The axis of the weights that counts output channels (of one group, for ConvTranspose). */
  readonly outputAxis: number;
  /** Dims of the weights. */
  readonly shape: readonly number[];
  /** Number of weights and biases. */
  readonly parameters: number;
  /** Multiply-accumulates for one sample; 0 where shapes depend on data. */
  readonly macs: number;
  /** What else the layer may be called in a config: its node's name, its weights' name, … */
  readonly aliases: readonly string[];
}

/** The layers of a prepared graph, in topological order. */
export function findLayers(graph: Graph, shapes: Shapes): Layer[] {
  const nodes = graph.nodes.filter((node) => isLayer(graph, node));
  const names = nameLayers(nodes.map((node) => ({ node, weight: node.input[1]! })));
  return nodes.map((node, i) => ({ ...names[i]!, ...describeLayer(graph, shapes, node) }));
}

/** Whether the operator is one that has weights; they need not be constant. */
export function isWeighted(node: NodeProto): node is NodeProto & { opType: LayerOperator } {
  return (node.domain === "" || node.domain === "ai.onnx") && layerOperators.some((op) => op === node.opType);
}

function isLayer(graph: Graph, node: NodeProto): node is NodeProto & { opType: LayerOperator } {
  const weight = graph.initializers.get(node.input[1] ?? "");
  return isWeighted(node) && weight !== undefined && dataTypeOfCode(weight.dataType) === "float" && weight.dims.length >= 2;
}

function describeLayer(graph: Graph, shapes: Shapes, node: NodeProto & { opType: LayerOperator }): Omit<Layer, "name" | "aliases"> {
  const weight = node.input[1]!;
  const shape = tensorProtoDims(graph.initializers.get(weight)!);
  const bias = node.opType !== "MatMul" && graph.initializers.has(node.input[2] ?? "") ? node.input[2]! : undefined;
  const biases = bias ? sizeOf(tensorProtoDims(graph.initializers.get(bias)!)) : 0;
  const parameters = sizeOf(shape) + biases;
  const outputAxis = outputAxisOf(node, shape.length);
  return { node, op: node.opType, weight, bias, outputAxis, shape, parameters, macs: macsOf(shapes, node, shape, outputAxis) };
}

function outputAxisOf(node: NodeProto & { opType: LayerOperator }, rank: number): number {
  switch (node.opType) {
    case "Conv":
      return 0;
    case "ConvTranspose":
      return 1;
    case "Gemm":
      return intAttribute(node, "transB", 0) !== 0 ? 0 : 1;
    case "MatMul":
      return rank - 1;
  }
}

/** Every element of the output (for ConvTranspose: of the input) takes part in as many products as it has weights. */
function macsOf(shapes: Shapes, node: NodeProto & { opType: LayerOperator }, shape: readonly number[], outputAxis: number): number {
  const spread = node.opType === "ConvTranspose";
  const value = spread ? node.input[0]! : node.output[0]!;
  if (!shapes.has(value)) return 0;
  const elements = sizeOf(shapes.shapeOf(value, 1)) / (shapes.fixedBatch ?? 1);
  if (node.opType === "MatMul") return elements * shape.at(-2)!;
  return (elements * sizeOf(shape)) / shape[spread ? 0 : outputAxis]!;
}
