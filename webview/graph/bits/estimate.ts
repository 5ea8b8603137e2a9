/** @file What the bits that are set make together. */
import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import { predictLoss } from "../../../src/config/predictLoss.ts";
import type { Sensitivity } from "../../../src/config/sensitivity.ts";
import { bitCount, quantizedBytes } from "../../../src/config/weightSize.ts";
import type { ShownRun } from "../../../src/protocol/graphView.ts";

export interface Estimate {
  /** Bytes of the layers' weights, by export format, and of FP32. */
  native: number;
  portable: number;
  fp32: number;
  /** Bits a weight, over all layers. */
  averageBits: number;
  /** Multiply-accumulates times bits of weights times bits of activations. */
  bitOperations: number;
  /** Sum of the layers' losses and the terms of pairs; absent where nothing is measured. */
  loss?: number;
  /** Quantized layers whose loss at their bits is not known, and so is not in the sum. */
  unknown: number;
}

export function estimate(layers: readonly LayerFacts[], bits: ShownRun["bits"], sensitivity?: Sensitivity): Estimate {
  const total: Estimate = { native: 0, portable: 0, fp32: 0, averageBits: 0, bitOperations: 0, unknown: 0 };
  const known = new Map(sensitivity?.layers.map(({ layer, losses }) => [layer, losses]));
  const quantized = new Map<string, number>();
  let weights = 0;
  for (const layer of layers) {
    const own = bits[layer.name] ?? { weights: "fp32", activations: "fp32" };
    total.native += quantizedBytes(layer.weights, layer.channels, own.weights, "native");
    total.portable += quantizedBytes(layer.weights, layer.channels, own.weights, "portable");
    total.fp32 += 4 * layer.weights;
    total.bitOperations += layer.macs * bitCount(own.weights) * bitCount(own.activations);
    total.averageBits += layer.weights * bitCount(own.weights);
    weights += layer.weights;
    if (own.weights === "fp32") continue;
    quantized.set(layer.name, own.weights);
    if (known.get(layer.name)?.[own.weights] === undefined) total.unknown++;
  }
  total.averageBits = weights > 0 ? total.averageBits / weights : 0;
  if (sensitivity && sensitivity.layers.length > 0) total.loss = predictLoss(sensitivity, quantized);
  return total;
}
