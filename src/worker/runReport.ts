/** @file What a result says of each layer and block. */
import type { ActivationResult, LayerResult } from "../config/result.ts";
import { SignalToNoise } from "../engine/evaluation/metrics.ts";
import type { ExportFormat } from "../engine/export/integerTypes.ts";
import { weightBytes } from "../engine/export/size.ts";
import { nodeLabel } from "../engine/graph/graph.ts";
import type { Layer } from "../engine/graph/layers.ts";
import type { Network } from "../engine/graph/prepare.ts";
import { floatData, sizeOf } from "../engine/onnx/tensor.ts";
import type { ActivationQuantization } from "../engine/quantizers/activationQuantization.ts";
import type { BitPlan } from "../engine/quantizers/bitPlan.ts";
import { dequantize, type WeightQuantization } from "../engine/quantizers/weightQuantization.ts";
import type { QuantizedWeights } from "../engine/reconstruction/quantizeNetwork.ts";

/** One entry a layer, in the network's order. */
export function layerResults(network: Network, bits: BitPlan, quantized: QuantizedWeights, format: ExportFormat): LayerResult[] {
  const weights = new Map(quantized.weights.map((weight) => [weight.layer, weight]));
  const blockOf = new Map(network.blocks.flatMap((block) => block.layers.map((layer) => [layer.name, block.name] as const)));
  return network.layers.map((layer) => {
    const weightBits = bits.get(layer.name)!.weights;
    const activationBits = inputBits(quantized.activations, layer);
    const weight = weights.get(layer.name);
    const count = sizeOf(layer.shape);
    return {
      name: layer.name,
      op: layer.op,
      block: blockOf.get(layer.name) ?? layer.name,
      shape: [...layer.shape],
      parameters: layer.parameters,
      weightBits,
      activationBits,
      bytes: weight ? weightBytes(weight, format) : 4 * count,
      sqnr: weight && weightSqnr(network, weight),
      flipped: weight && flipped(weight, quantized.nearest.get(layer.name)!),
    };
  });
}

/** The bits of what a layer reads: more than it was given, where another layer reads the same tensor with more. */
function inputBits(activations: readonly ActivationQuantization[], { node }: Layer): number | "fp32" {
  return activations.find(({ value, readers }) => value === node.input[0] && readers.includes(node.output[0]!))?.bits ?? "fp32";
}

/** Every quantized tensor with the names of its readers. */
export function activationResults(network: Network, activations: readonly ActivationQuantization[]): ActivationResult[] {
  const layerOf = new Map(network.layers.map(({ node, name }) => [node.output[0]!, name]));
  const nameOf = (reader: string) => layerOf.get(reader) ?? nodeLabel(network.graph.producer(reader)!);
  return activations.map(({ value, readers, bits, scale, zeroPoint }) => ({ value, readers: readers.map(nameOf), bits, scale, zeroPoint }));
}

function weightSqnr(network: Network, weight: WeightQuantization): number | undefined {
  const noise = new SignalToNoise();
  noise.add(floatData(network.graph.constant(weight.weight)!), dequantize(weight));
  return noise.result;
}

/** Share of weights that are not on their nearest level. */
function flipped(weight: WeightQuantization, nearest: WeightQuantization): number {
  const count = weight.values.reduce((sum, value, i) => sum + (value === nearest.values[i] ? 0 : 1), 0);
  return count / weight.values.length;
}
