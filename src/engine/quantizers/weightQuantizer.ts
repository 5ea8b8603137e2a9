/** @file A layer's weight quantizer: its grid, and rounding on it. All arrays are channel-major. */
import type { Layer } from "../graph/layers.ts";
import { fromChannelMajor, toChannelMajor } from "./channelMajor.ts";
import type { Grid, ScaleSearch } from "./scaleSearch.ts";
import type { WeightQuantization } from "./weightQuantization.ts";

/** A layer's FP32 weights with their grid. */
export interface WeightQuantizer {
  readonly layer: Layer;
  readonly grid: Grid;
  /** FP32 weights, [channels, weights a channel]. */
  readonly weights: Float32Array;
}

/** Searches the grid of a layer's weights, given in the layer's own layout. */
export async function fitWeightQuantizer(search: ScaleSearch, layer: Layer, weights: Float32Array, bits: number): Promise<WeightQuantizer> {
  const major = toChannelMajor(weights, layer.shape, layer.outputAxis);
  return { layer, weights: major, grid: await search.search(major, layer.shape[layer.outputAxis]!, bits) };
}

/** The floor of each weight on its grid, zero point added, not clamped: `floor(w/s) + z`. */
export function floorLevels({ weights, grid }: WeightQuantizer): Float32Array {
  return perChannel(weights, grid, (w, scale, zero) => Math.floor(w / scale) + zero);
}

/** Integer weights by rounding to nearest (halves to even, as everywhere in ONNX). */
export function nearestLevels({ weights, grid }: WeightQuantizer): Uint8Array {
  const top = 2 ** grid.bits - 1;
  return Uint8Array.from(perChannel(weights, grid, (w, scale, zero) => clamp(roundHalfEven(w / scale) + zero, top)));
}

/** Integer weights by rounding each weight up or down on its grid. `up` holds 1 for up. */
export function chosenLevels(quantizer: WeightQuantizer, up: ArrayLike<number>): Uint8Array {
  const top = 2 ** quantizer.grid.bits - 1;
  return Uint8Array.from(floorLevels(quantizer), (level, i) => clamp(level + (up[i] ? 1 : 0), top));
}

/**
 * The quantization that a layer's channel-major levels stand for, in the layer's own layout.
 * @param scale the channels' step sizes, where they are not the grid's
 */
export function weightQuantization({ layer, grid }: WeightQuantizer, levels: Uint8Array, scale: Float32Array = grid.scale): WeightQuantization {
  return {
    layer: layer.name,
    weight: layer.weight,
    dims: layer.shape,
    axis: layer.outputAxis,
    bits: grid.bits,
    scale,
    zeroPoint: grid.zeroPoint,
    values: fromChannelMajor(levels, layer.shape, layer.outputAxis),
  };
}

function perChannel(weights: Float32Array, { scale, zeroPoint }: Grid, f: (w: number, scale: number, zero: number) => number): Float32Array {
  const size = weights.length / scale.length;
  return weights.map((w, i) => {
    const channel = Math.floor(i / size);
    return f(w, scale[channel]!, zeroPoint[channel]!);
  });
}

function clamp(level: number, top: number): number {
  return Math.min(Math.max(level, 0), top);
}

/** Rounds to nearest, halves to even. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
