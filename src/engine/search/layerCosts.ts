/** @file What a layer costs at some bits: size, bit-operations, latency. */
import type { Bits } from "../../config/schema.ts";
import type { ExportFormat } from "../export/integerTypes.ts";
import { weightBytes } from "../export/size.ts";
import type { Layer } from "../graph/layers.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { Costs } from "./problem.ts";

/** Milliseconds that a layer takes with such weights and inputs. */
export type LatencyModel = (layer: Layer, weights: Bits, activations: Bits) => number;

/** FP32 counts as 32 bits. */
export function bitCount(bits: Bits): number {
  return bits === "fp32" ? 32 : bits;
}

/**
 * Costs of a layer's weights for one input: bytes in a file of this format (scales and zero points included, biases not), bit-operations
 * (multiply-accumulates times bits of weights times bits of inputs), and milliseconds where there is a model of them.
 */
export function layerCosts(layer: Layer, weights: Bits, activations: Bits, format: ExportFormat, latency?: LatencyModel): Costs {
  const { shape, outputAxis, macs } = layer;
  return {
    size: weights === "fp32" ? 4 * sizeOf(shape) : weightBytes({ dims: shape, axis: outputAxis, bits: weights }, format),
    bops: macs * bitCount(weights) * bitCount(activations),
    ...(latency && { latency: latency(layer, weights, activations) }),
  };
}
