/** @file Writing quantization into the network: integer weights and quantized activations as QDQ ONNX. */
import { create } from "@bufbuild/protobuf";
import { makeAttributes } from "../graph/attributes.ts";
import type { Graph } from "../graph/graph.ts";
import { normalizeOpset } from "../graph/opset.ts";
import { type ModelProto, type NodeProto, NodeProtoSchema, StringStringEntryProtoSchema } from "../onnx/onnx_pb.ts";
import { floatScalar, floatTensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { type ExportFormat, type IntegerType, integerTensor, integerType, typeRequirements } from "./integerTypes.ts";

export interface ExportOptions {
  /** The prepared FP32 network; it is not changed. */
  readonly graph: Graph;
  readonly weights: readonly WeightQuantization[];
  readonly activations: readonly ActivationQuantization[];
  readonly format: ExportFormat;
  /** Goes into the model's metadata under "brecq". */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/**
 * The quantized model. `native` stores weights in the smallest fitting integer type (INT2/INT4: operator set
 * 25/21), `portable` in 8-bit containers at the network's own operator set. Names of nodes and values stay.
 */
export function exportModel({ graph: source, weights, activations, format, metadata }: ExportOptions): ModelProto {
  const graph = source.clone();
  raiseVersions(
    graph,
    [...weights, ...activations].map(({ bits }) => integerType(bits, format)),
  );
  const added = weights.flatMap((weight) => dequantizeWeight(graph, weight, format));
  graph.setNodes([...added, ...graph.nodes]);
  for (const activation of activations) quantizeActivation(graph, activation, format);
  graph.removeUnused();
  const model = graph.toModel();
  // Shapes of values that are no longer there, or that changed their maker, would only mislead.
  model.graph!.valueInfo = [];
  const layers = Object.fromEntries(weights.map(({ layer, weight, bits }) => [layer, { weight, bits }]));
  const entry = create(StringStringEntryProtoSchema, { key: "brecq", value: JSON.stringify({ ...metadata, format, weights: layers }) });
  model.metadataProps = [...model.metadataProps.filter(({ key }) => key !== "brecq"), entry];
  return model;
}

/** Name of the node that dequantizes a layer's weights. */
export function weightNodeName(layer: string): string {
  return `${layer}.weight_dequantized`;
}

function raiseVersions(graph: Graph, types: readonly IntegerType[]): void {
  const opset = Math.max(graph.opset, ...types.map((type) => typeRequirements[type].opset));
  if (opset > graph.opset) normalizeOpset(graph, opset);
  graph.irVersion = Math.max(graph.irVersion, ...types.map((type) => typeRequirements[type].irVersion));
}

/** Puts integer weights and a DequantizeLinear in the place of FP32 weights; layers that share weights share them still. */
function dequantizeWeight(graph: Graph, weight: WeightQuantization, format: ExportFormat): NodeProto[] {
  const type = integerType(weight.bits, format);
  const readers = graph.consumers(weight.weight);
  if (readers.length === 0) return [];
  const name = (part: string) => graph.freshName(`${weight.weight}_${part}`);
  const [quantized, scale, zeroPoint, dequantized] = ["quantized", "scale", "zero_point", "dequantized"].map(name) as [
    string,
    string,
    string,
    string,
  ];
  graph.setConstant(quantized, integerTensor(type, weight.values, weight.dims));
  graph.setConstant(scale, floatTensor(weight.scale));
  graph.setConstant(zeroPoint, integerTensor(type, weight.zeroPoint, [weight.zeroPoint.length]));
  graph.replaceUses(weight.weight, dequantized);
  return [node("DequantizeLinear", weightNodeName(weight.layer), [quantized, scale, zeroPoint], dequantized, { axis: weight.axis })];
}

/** Puts a QuantizeLinear / DequantizeLinear pair behind a value, for its quantized readers. */
function quantizeActivation(graph: Graph, activation: ActivationQuantization, format: ExportFormat): void {
  const { value, bits, readers } = activation;
  const type = integerType(bits, format);
  const name = (part: string) => graph.freshName(`${value}_${part}`);
  const [scale, zeroPoint, quantized, dequantized] = ["scale", "zero_point", "quantized", "dequantized"].map(name) as [
    string,
    string,
    string,
    string,
  ];
  graph.setConstant(scale, floatScalar(activation.scale));
  graph.setConstant(zeroPoint, integerTensor(type, Uint8Array.of(activation.zeroPoint), []));
  const added: NodeProto[] = [];
  let input = value;
  if (bits < containerBits(type)) {
    const low = name("low");
    const high = name("high");
    const clipped = name("clipped");
    graph.setConstant(low, floatScalar(-activation.zeroPoint * activation.scale));
    graph.setConstant(high, floatScalar((2 ** bits - 1 - activation.zeroPoint) * activation.scale));
    added.push(node("Clip", clipped, [value, low, high], clipped));
    input = clipped;
  }
  added.push(node("QuantizeLinear", quantized, [input, scale, zeroPoint], quantized));
  added.push(node("DequantizeLinear", dequantized, [quantized, scale, zeroPoint], dequantized));
  const reading = new Set(readers);
  for (const reader of graph.nodes) {
    if (!reader.output.some((output) => reading.has(output))) continue;
    reader.input = reader.input.map((read) => (read === value ? dequantized : read));
  }
  const producer = graph.producer(value);
  const position = producer ? graph.nodes.indexOf(producer) + 1 : 0;
  graph.setNodes([...graph.nodes.slice(0, position), ...added, ...graph.nodes.slice(position)]);
}

function containerBits(type: IntegerType): number {
  return Number(type.slice("uint".length));
}

function node(opType: string, name: string, input: string[], output: string, attributes: Record<string, number> = {}): NodeProto {
  return create(NodeProtoSchema, { opType, name, input, output: [output], attribute: makeAttributes(attributes) });
}
