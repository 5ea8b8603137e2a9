/** @file A layer's weight quantizer: its grid, and rounding on it. All arrays are channel-major. */
import type { Graph } from "../graph/graph.ts";
import type { Layer } from "../graph/layers.ts";
import { floatData, sizeOf } from "../onnx/tensor.ts";
import { fromChannelMajor, toChannelMajor } from "./channelMajor.ts";
import type { ChannelParameters } from "./channelParameters.ts";
import type { Grid, ScaleSearch } from "./scaleSearch.ts";
import type { LayerBias, WeightQuantization } from "./weightQuantization.ts";

/** A layer's FP32 weights with their grid. */
export interface WeightQuantizer {
  readonly layer: Layer;
  readonly grid: Grid;
  /** FP32 weights, [channels, weights a channel]. */
  readonly weights: Float32Array;
  /** The layer's bias, where it has one number an output channel and no other reader. */
  readonly bias?: LayerBias | undefined;
}

/** Searches the grid of a layer's weights. */
export async function fitWeightQuantizer(search: ScaleSearch, graph: Graph, layer: Layer, bits: number): Promise<WeightQuantizer> {
  const channels = layer.shape[layer.outputAxis]!;
  const weights = toChannelMajor(floatData(graph.constant(layer.weight)!), layer.shape, layer.outputAxis);
  return { layer, weights, grid: await search.search(weights, channels, bits), bias: ownBias(graph, layer, channels) };
}

function ownBias(graph: Graph, { bias: name }: Layer, channels: number): LayerBias | undefined {
  const tensor = name === undefined ? undefined : graph.constant(name);
  if (tensor?.type !== "float" || tensor.dims.at(-1) !== channels || sizeOf(tensor.dims) !== channels) return undefined;
  return graph.consumers(name!).length === 1 ? { name: name!, dims: tensor.dims, values: floatData(tensor) } : undefined;
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
 * @param channels step sizes and bias, where they are not those of the quantizer
 */
export function weightQuantization({ layer, grid, bias }: WeightQuantizer, levels: Uint8Array, channels?: ChannelParameters): WeightQuantization {
  return {
    layer: layer.name,
    weight: layer.weight,
    dims: layer.shape,
    axis: layer.outputAxis,
    bits: grid.bits,
    scale: channels?.scale ?? grid.scale,
    zeroPoint: grid.zeroPoint,
    values: fromChannelMajor(levels, layer.shape, layer.outputAxis),
    ...(bias && channels?.bias && { bias: { ...bias, values: channels.bias } }),
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
