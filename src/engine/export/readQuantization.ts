/** @file Reading the quantization back out of an exported file, so that it can be written in another format. */
import { UserError } from "../errors.ts";
import { intAttribute } from "../graph/attributes.ts";
import { Graph } from "../graph/graph.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatData, sizeOf, type Tensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { type QuantizationMetadata, readQuantizationEntry } from "./metadata.ts";
import { weightNodeName } from "./weightNodes.ts";

/**
 * The quantized weights of a model that this program exported.
 * @throws UserError where the model carries none, or not what its metadata says
 */
export function readWeights(model: ModelProto, file: string): WeightQuantization[] {
  const graph = new Graph(model);
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  return Object.entries(requireMetadata(model, file).weights).map(([layer, { weight, bits, bias: name }]) => {
    const node = byName.get(weightNodeName(layer));
    const [values, scale, zeroPoint] = constantInputs(graph, node);
    const read = node && values && scale && zeroPoint && weightsOf(node, values, scale, zeroPoint, bits);
    if (!read) throw damaged(`The quantized weights of "${layer}" are not in the model as its metadata says.`, file, layer);
    if (name === undefined) return { layer, weight, bits, ...read };
    const bias = graph.constant(name);
    if (bias?.type !== "float") throw damaged(`The bias of "${layer}" is not in the model as its metadata says.`, file, layer);
    return { layer, weight, bits, ...read, bias: { name, dims: bias.dims, values: floatData(bias) } };
  });
}

/**
 * The quantized activations of a model that this program exported.
 * @throws UserError where the model was not written by this program, or lacks what its metadata says
 */
export function readActivations(model: ModelProto, file: string): ActivationQuantization[] {
  const graph = new Graph(model);
  return requireMetadata(model, file).activations.map(({ value, bits, dequantized }) => {
    const [, scale, zeroPoint] = constantInputs(graph, graph.producer(dequantized));
    const step = scale?.type === "float" ? floatData(scale)[0] : undefined;
    const zero = zeroPoint?.data[0];
    if (step === undefined || typeof zero !== "number" || zero >= 2 ** bits) {
      throw damaged(`The quantized value "${value}" is not in the model as its metadata says.`, file, value);
    }
    const readers = graph.consumers(dequantized).map((reader) => reader.output[0]!);
    return { value, readers, bits, scale: step, zeroPoint: zero };
  });
}

function requireMetadata(model: ModelProto, file: string): QuantizationMetadata {
  const metadata = readQuantizationEntry(model);
  if (metadata) return metadata;
  throw new UserError("The model was not written by brecq.", { hint: "Name the result.json of a finished run.", place: { file } });
}

function damaged(message: string, file: string, node: string): UserError {
  return new UserError(message, { hint: "Do the run again.", place: { file, node } });
}

function constantInputs(graph: Graph, node: NodeProto | undefined): (Tensor | undefined)[] {
  return node?.input.map((input) => graph.constant(input)) ?? [];
}

/** Undefined where the tensors do not belong together, or hold more than the bits. */
function weightsOf(
  node: NodeProto,
  values: Tensor,
  scale: Tensor,
  zeroPoint: Tensor,
  bits: number,
): Pick<WeightQuantization, "dims" | "axis" | "scale" | "zeroPoint" | "values"> | undefined {
  const { dims } = values;
  const written = intAttribute(node, "axis", 1);
  const axis = written < 0 ? written + dims.length : written;
  const channels = dims[axis];
  const integers = values.data;
  const zeros = zeroPoint.data;
  if (!(integers instanceof Uint8Array) || !(zeros instanceof Uint8Array) || scale.type !== "float") return undefined;
  if (sizeOf(scale.dims) !== channels || zeros.length !== channels) return undefined;
  const isIn = (value: number) => value < 2 ** bits;
  if (!integers.every(isIn) || !zeros.every(isIn)) return undefined;
  return { dims, axis, scale: floatData(scale), zeroPoint: zeros, values: integers };
}
