/** @file Quantized activations: QuantizeLinear and DequantizeLinear behind a value. */
import type { Graph } from "../graph/graph.ts";
import { isWeighted } from "../graph/layers.ts";
import { isOperator, takeName } from "../graph/subgraphs.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatScalar } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { newNode } from "./insertNodes.ts";
import { type ExportFormat, type IntegerType, integerTensor, integerType } from "./integerTypes.ts";

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
 * The values that need a Min before QuantizeLinear: those of fewer bits than their type, and those where ONNX Runtime must not take the
 * nodes around it for an integer operator. Between DequantizeLinear and QuantizeLinear it rounds a layer's bias to steps of input step times weight
 * step, from level "basic" on: a level of 8-bit activations, much more of coarser ones; FP32 weights it rounds to 8 bits; weights
 * of 2 bits it does not load there. It never looks past a Min. Measured in docs/export.md.
 *
 * Portable files get one everywhere, and so compute the same at every level. Native ones keep integer operators where activations and
 * weights have 8-bit types.
 */
export function limitedValues(
  graph: Graph,
  weights: readonly WeightQuantization[],
  activations: readonly ActivationQuantization[],
  format: ExportFormat,
): Set<ActivationQuantization> {
  if (format === "portable") return new Set(activations);
  const integerWeights = new Set(weights.filter(({ bits }) => integerType(bits, format) === "uint8").map(({ weight }) => weight));
  return new Set(
    activations.filter(({ value, bits }) => {
      const layer = layerBehind(graph, value);
      return bits < 8 || (layer && !integerWeights.has(layer.input[1]!));
    }),
  );
}

/** The layer that makes a value, itself or through its bias, Relu and Clip. */
function layerBehind(graph: Graph, value: string): NodeProto | undefined {
  let node = graph.producer(value);
  while (node && !isWeighted(node)) {
    const [input] = isOperator(node, "Relu", "Clip") ? node.input : isOperator(node, "Add") ? biasedInputs(graph, node) : [];
    node = input === undefined ? undefined : graph.producer(input);
  }
  return node;
}

/** What an Add adds a constant to: ONNX Runtime takes MatMul and Add for a Gemm. */
function biasedInputs(graph: Graph, { input }: NodeProto): string[] {
  const others = input.filter((name) => !graph.initializers.has(name));
  return others.length === 1 ? others : [];
}
