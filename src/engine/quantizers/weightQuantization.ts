/** @file A layer's quantized weights: what reconstruction makes and export writes. */
import { floatTensor, type Tensor } from "../onnx/tensor.ts";

/** Integer weights with a scale and zero point per output channel: w ≈ scale (value - zeroPoint). */
export interface WeightQuantization {
  readonly layer: string;
  /** The initializer that holds the FP32 weights. */
  readonly weight: string;
  readonly dims: readonly number[];
  /** The axis of `dims` that counts output channels. */
  readonly axis: number;
  readonly bits: number;
  /** One a channel, positive. */
  readonly scale: Float32Array;
  /** One a channel, in 0..2^bits-1. */
  readonly zeroPoint: Uint8Array;
  /** In 0..2^bits-1, in the weights' own layout. */
  readonly values: Uint8Array;
  /** The layer's bias, where it was trained with the weights. */
  readonly bias?: LayerBias | undefined;
}

/** A bias with one number an output channel. */
export interface LayerBias {
  /** The initializer that holds it. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** The weights that the integers stand for. */
export function dequantize({ dims, axis, scale, zeroPoint, values }: WeightQuantization): Float32Array {
  const channels = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  return Float32Array.from(values, (value, i) => {
    const channel = Math.floor(i / inner) % channels;
    return scale[channel]! * (value - zeroPoint[channel]!);
  });
}

/** Dequantized weights, and trained biases, by initializer. */
export function weightConstants(weights: readonly WeightQuantization[]): Map<string, Tensor> {
  return new Map([...weights.map((weight) => [weight.weight, floatTensor(dequantize(weight), weight.dims)] as const), ...biasConstants(weights)]);
}

/** Trained biases by initializer. */
export function biasConstants(weights: readonly WeightQuantization[]): Map<string, Tensor> {
  return new Map(weights.flatMap(({ bias }) => (bias ? [[bias.name, floatTensor(bias.values, bias.dims)] as const] : [])));
}
