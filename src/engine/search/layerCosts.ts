/** @file What a layer costs at some bits: size, bit-operations, latency. */
import type { Bits } from "../../config/schema.ts";
import { bitCount, quantizedBytes } from "../../config/weightSize.ts";
import type { Layer } from "../graph/layers.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { Costs } from "./problem.ts";

/** Milliseconds that a layer takes with such weights and inputs. */
export type LatencyModel = (layer: Layer, weights: Bits, activations: Bits) => number;

/**
 * Costs of a layer's weights for one input: bytes in a native file (scales and zero points included, biases not), bit-operations
 * (multiply-accumulates times bits of weights times bits of inputs), and milliseconds where there is a model of them.
 */
export function layerCosts(layer: Layer, weights: Bits, activations: Bits, latency?: LatencyModel): Costs {
  const { shape, outputAxis, macs } = layer;
  return {
    size: quantizedBytes(sizeOf(shape), shape[outputAxis]!, weights, "native"),
    bops: macs * bitCount(weights) * bitCount(activations),
    ...(latency && { latency: latency(layer, weights, activations) }),
  };
}
