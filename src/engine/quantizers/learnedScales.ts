/**
 * @file Step sizes of weights that are trained together with their rounding. With the integers q fixed, a channel's weights are s (q - z): a
 * factor of the step size is a factor of the soft weights. The factors of all layers lie in one flat vector that starts at 1.
 */
import type { GraphBuilder } from "../graph/builder.ts";
import type { WeightQuantizer } from "./weightQuantizer.ts";

/** Values in the graph of a training step. */
export interface ScaledWeights {
  /** The layers' weights with their step sizes, in the layers' shapes. */
  readonly weights: readonly string[];
  /** The layers' factors, in shapes that broadcast over the weights. */
  readonly factors: readonly string[];
}

/** Number of step sizes. */
export function scaleCount(quantizers: readonly WeightQuantizer[]): number {
  return quantizers.reduce((sum, { grid }) => sum + grid.scale.length, 0);
}

/** Emits the products of soft weights and the trained `factors` [scaleCount]. */
export function emitScaledWeights(b: GraphBuilder, quantizers: readonly WeightQuantizer[], soft: readonly string[], factors: string): ScaledWeights {
  let position = 0;
  const parts = quantizers.map(({ layer, grid }) => {
    const part = b.op("Slice", [factors, b.ints([position]), b.ints([position + grid.scale.length]), b.ints([0])]);
    position += grid.scale.length;
    return b.op("Reshape", [part, b.ints(layer.shape.map((dim, axis) => (axis === layer.outputAxis ? dim : 1)))]);
  });
  return { weights: parts.map((part, i) => b.op("Mul", [soft[i]!, part])), factors: parts };
}

/**
 * Emits the gradients at the soft weights and at the factors.
 * @param gradients gradients at the products
 */
export function emitScaleGradients(
  b: GraphBuilder,
  quantizers: readonly WeightQuantizer[],
  soft: readonly string[],
  { factors }: ScaledWeights,
  gradients: readonly string[],
): { soft: string[]; factors: string } {
  const sums = quantizers.map(({ layer }, i) => {
    const axes = layer.shape.flatMap((_, axis) => (axis === layer.outputAxis ? [] : [axis]));
    return b.op("ReduceSum", [b.op("Mul", [gradients[i]!, soft[i]!]), b.ints(axes)], { keepdims: 0 });
  });
  return {
    soft: gradients.map((gradient, i) => b.op("Mul", [gradient, factors[i]!])),
    factors: sums.length === 1 ? sums[0]! : b.op("Concat", sums, { axis: 0 }),
  };
}

/** The quantizers with their trained step sizes. */
export function withFactors(quantizers: readonly WeightQuantizer[], factors: Float32Array): WeightQuantizer[] {
  let position = 0;
  return quantizers.map((quantizer) => {
    const { scale } = quantizer.grid;
    const part = factors.subarray(position, position + scale.length);
    position += scale.length;
    return { ...quantizer, grid: { ...quantizer.grid, scale: scale.map((value, i) => value * part[i]!) } };
  });
}
