/** @file Writing quantization into the network: integer weights and quantized activations as QDQ ONNX. */
import { create } from "@bufbuild/protobuf";
import type { Graph } from "../graph/graph.ts";
import { normalizeOpset } from "../graph/opset.ts";
import { usedNames } from "../graph/subgraphs.ts";
import { type ModelProto, StringStringEntryProtoSchema, type ValueInfoProto } from "../onnx/onnx_pb.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { biasConstants, type WeightQuantization } from "../quantizers/weightQuantization.ts";
import { activationBits } from "./activationBits.ts";
import { limitedValues, quantizeValue } from "./activationNodes.ts";
import { insertNodes, redirectReaders } from "./insertNodes.ts";
import { type ExportFormat, integerType, neededOpset, typeRequirements } from "./integerTypes.ts";
import { requireKernels } from "./kernels.ts";
import { quantizationEntries } from "./metadata.ts";
import { dequantizeWeight } from "./weightNodes.ts";

export interface ExportOptions {
  /** The prepared FP32 network; it is not changed. */
  readonly graph: Graph;
  /** The model as it was given: the file declares inputs and outputs as it does, a fixed batch included. */
  readonly source?: ModelProto | undefined;
  readonly weights: readonly WeightQuantization[];
  readonly activations: readonly ActivationQuantization[];
  readonly format: ExportFormat;
  /** Goes into the model's metadata, each entry under "brecq." and its name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The quantized model. `native` stores integers in the smallest type that holds them (2 bits: UINT2, operator set 25; 3 and 4: UINT4,
 * operator set 21; 5 to 8: UINT8), all activations in the type of the widest; `portable` in UINT8 at the network's own operator set.
 * A quantized value is quantized once for all its quantized readers. Names of nodes and values stay; FP32 weights that are no longer read go.
 * @throws UserError where the network has an operator that the newer operator set lacks, or that ONNX Runtime cannot run there
 */
export function exportModel({ graph: prepared, source, weights, activations, format, metadata = {} }: ExportOptions): ModelProto {
  const graph = prepared.clone();
  for (const [name, tensor] of biasConstants(weights)) graph.setConstant(name, tensor);
  const valueBits = activationBits(graph, activations);
  const bits = [...weights.map((weight) => weight.bits), ...activations.map(() => valueBits)];
  requireKernels(graph, bits, format);
  raiseVersions(graph, bits, format);
  const taken = usedNames(graph);
  const limited = limitedValues(graph, weights, activations, format);
  const weightNodes = weights.map((weight) => dequantizeWeight(graph, taken, weight, integerType(weight.bits, format)));
  const values = activations.map((activation) => quantizeValue(graph, taken, activation, integerType(valueBits, format), limited.has(activation)));
  activations.forEach(({ readers, value }, i) => {
    redirectReaders(graph, readers, value, values[i]!.dequantized);
  });
  insertNodes(graph, [...weightNodes, ...values.flatMap(({ nodes }) => nodes)]);
  graph.removeUnused();
  const model = graph.toModel();
  dropStaleShapes(model, graph);
  if (source) restoreInterface(model, source);
  const quantized = activations.map(({ value, bits }, i) => ({ value, bits, dequantized: values[i]!.dequantized }));
  addMetadata(model, { ...metadata, ...quantizationEntries(format, weights, quantized) });
  return model;
}

function raiseVersions(graph: Graph, bits: readonly number[], format: ExportFormat): void {
  const opset = neededOpset(bits, format);
  if (opset > graph.opset) normalizeOpset(graph, opset);
  graph.irVersion = Math.max(graph.irVersion, ...bits.map((count) => typeRequirements[integerType(count, format)].irVersion));
}

/** Keeps the declared shapes of values that are still there. */
function dropStaleShapes(model: ModelProto, graph: Graph): void {
  model.graph!.valueInfo = model.graph!.valueInfo.filter(({ name }) => graph.producer(name) || graph.initializers.has(name));
}

/** Declares inputs and outputs as the source does, where it gives a shape; preparation may have freed its batch. */
function restoreInterface(model: ModelProto, { graph: source }: ModelProto): void {
  const graph = model.graph!;
  graph.input = declaredAs(source?.input ?? [], graph.input);
  graph.output = declaredAs(source?.output ?? [], graph.output);
}

function declaredAs(declared: readonly ValueInfoProto[], values: readonly ValueInfoProto[]): ValueInfoProto[] {
  const byName = new Map(declared.map((value) => [value.name, value]));
  return values.map((value) => {
    const original = byName.get(value.name);
    return original?.type?.value.case === "tensorType" && original.type.value.value.shape ? original : value;
  });
}

function addMetadata(model: ModelProto, entries: Readonly<Record<string, string>>): void {
  const own = Object.entries(entries).map(([name, value]) => create(StringStringEntryProtoSchema, { key: `brecq.${name}`, value }));
  model.metadataProps = [...model.metadataProps.filter(({ key }) => !key.startsWith("brecq.")), ...own];
}
