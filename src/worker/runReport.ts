/** @file What a result says of each layer and block. */
import type { LayerResult } from "../config/result.ts";
import { SignalToNoise } from "../engine/evaluation/metrics.ts";
import type { ExportFormat } from "../engine/export/integerTypes.ts";
import { weightBytes } from "../engine/export/size.ts";
import type { Network } from "../engine/graph/prepare.ts";
import { floatData, sizeOf } from "../engine/onnx/tensor.ts";
import type { BitPlan } from "../engine/quantizers/bitPlan.ts";
import { dequantize, type WeightQuantization } from "../engine/quantizers/weightQuantization.ts";
import type { QuantizedWeights } from "../engine/reconstruction/quantizeNetwork.ts";

/** One entry a layer, in the network's order. */
export function layerResults(network: Network, bits: BitPlan, quantized: QuantizedWeights, format: ExportFormat): LayerResult[] {
  const weights = new Map(quantized.weights.map((weight) => [weight.layer, weight]));
  const blockOf = new Map(network.blocks.flatMap((block) => block.layers.map((layer) => [layer.name, block.name] as const)));
  return network.layers.map((layer) => {
    const { weights: weightBits, activations: activationBits } = bits.get(layer.name)!;
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
