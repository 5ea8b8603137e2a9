/** @file Quantized activations: QuantizeLinear and DequantizeLinear behind a value. */
import type { Graph } from "../graph/graph.ts";
import { isOperator, takeName } from "../graph/subgraphs.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatScalar } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { newNode } from "./insertNodes.ts";
import { type ExportFormat, type IntegerType, integerTensor, integerType, typeBits } from "./integerTypes.ts";
import { hasOneZeroPoint } from "./weightNodes.ts";

/** A value's quantization in the graph. */
export interface QuantizedValue {
  /** The value that quantized readers read. */
  readonly dequantized: string;
  readonly nodes: readonly NodeProto[];
}

/**
 * Adds the constants of a quantized value to the graph, and gives the nodes, still to be inserted. `limited` puts a Min with the highest
 * value that the bits represent before QuantizeLinear; the lowest one is integer 0, to which QuantizeLinear saturates by itself.
 */
export function quantizeValue(
  graph: Graph,
  taken: Set<string>,
  { value, bits, scale, zeroPoint }: ActivationQuantization,
  type: IntegerType,
  limited: boolean,
): QuantizedValue {
  const name = (part: string) => takeName(taken, `${value}_${part}`);
  const step = Math.fround(scale);
  const parameters = [name("scale"), name("zero_point")] as const;
  graph.setConstant(parameters[0], floatScalar(step));
  graph.setConstant(parameters[1], integerTensor(type, Uint8Array.of(zeroPoint), []));
  const nodes: NodeProto[] = [];
  let input = value;
  if (limited) {
    const highest = name("highest");
    input = name("limited");
    // Dividing the rounded product by the step gives the integer again, or a neighbour that rounds to it.
    graph.setConstant(highest, floatScalar((2 ** bits - 1 - zeroPoint) * step));
    nodes.push(newNode("Min", [value, highest], input));
  }
  const quantized = name("quantized");
  const dequantized = name("dequantized");
  nodes.push(newNode("QuantizeLinear", [input, ...parameters], quantized));
  nodes.push(newNode("DequantizeLinear", [quantized, ...parameters], dequantized));
  return { dequantized, nodes };
}

/**
 * The values that need a Min before QuantizeLinear. In both formats: those of fewer bits than their type. In the portable one also
 * those behind layers that ONNX Runtime would not compute as promised if QuantizeLinear followed them (through Relu or Clip).
 */
export function limitedValues(
  graph: Graph,
  weights: readonly WeightQuantization[],
  activations: readonly ActivationQuantization[],
  format: ExportFormat,
): Set<ActivationQuantization> {
  const weightOf = new Map(weights.map((weight) => [weight.weight, weight]));
  const exposed = (activation: ActivationQuantization) => {
    const layer = layerBehind(graph, activation.value);
    const input = layer && activations.find(({ value, readers }) => value === layer.input[0] && readers.includes(layer.output[0]!));
    return input !== undefined && isMiscomputed(layer!, input.bits, weightOf.get(layer!.input[1]!));
  };
  return new Set(
    activations.filter((activation) => {
      const { bits } = activation;
      return bits < typeBits[integerType(bits, format)] || (format === "portable" && exposed(activation));
    }),
  );
}

/** The layer that makes a value, itself or through Relu and Clip. */
function layerBehind(graph: Graph, value: string): NodeProto | undefined {
  let node = graph.producer(value);
  while (node && isOperator(node, "Relu", "Clip")) node = graph.producer(node.input[0]!);
  return node && isOperator(node, "Conv", "ConvTranspose", "Gemm") ? node : undefined;
}

/**
 * Between DequantizeLinear and QuantizeLinear ONNX Runtime (seen in 1.24 to 1.32, not in 1.20) rounds a layer's bias to steps of
 * input step times weight step, from level "basic" on: about a level of 8-bit activations, much more with coarser inputs. FP32
 * weights it rounds to 8 bits. Up to 1.26 it makes a QLinearConv that fails where the channels' zero points differ. It never looks
 * past a Min. Measured in docs/export.md.
 */
function isMiscomputed(layer: NodeProto, inputBits: number, weight: WeightQuantization | undefined): boolean {
  if (inputBits < 8 || !weight) return true;
  return isOperator(layer, "Conv") && weight.bits > 7 && !hasOneZeroPoint(weight);
}
