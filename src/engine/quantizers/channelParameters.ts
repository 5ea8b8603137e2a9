/**
 * @file What is trained of each output channel together with the rounding of its weights: the step size and the bias. With the integers q
 * fixed, a channel's weights are s (q - z), so a factor of s is a factor of the soft weights. The factors of all layers lie in one flat
 * vector, and behind them the shifts of their biases in units of s sqrt(weights a channel): the order of what rounding does to an output.
 */
import type { GraphBuilder } from "../graph/builder.ts";
import { floatTensor } from "../onnx/tensor.ts";
import type { WeightQuantizer } from "./weightQuantizer.ts";

/** Factors and shifts as they are before training: nothing is changed. */
export function unchangedChannels(quantizers: readonly WeightQuantizer[]): Float32Array {
  const factors = quantizers.reduce((sum, { grid }) => sum + grid.scale.length, 0);
  const shifts = quantizers.reduce((sum, { bias }) => sum + (bias?.values.length ?? 0), 0);
  return new Float32Array(factors + shifts).fill(1, 0, factors);
}

/** Values in the graph of a training step. */
export interface ChannelValues {
  /** The soft weights that the factors multiply. */
  readonly soft: readonly string[];
  /** The layers' factors, in shapes that broadcast over the weights. */
  readonly factors: readonly string[];
  /** The products, in the layers' shapes. */
  readonly weights: readonly string[];
  /** The shifted biases by initializer, with the units of their shifts. */
  readonly biases: ReadonlyMap<string, { readonly value: string; readonly unit: string }>;
}

/** Emits the layers' weights and biases for the trained `state`, of the length of {@link unchangedChannels}. */
export function emitChannels(b: GraphBuilder, quantizers: readonly WeightQuantizer[], soft: readonly string[], state: string): ChannelValues {
  let position = 0;
  const next = (count: number) => {
    position += count;
    return b.op("Slice", [state, b.ints([position - count]), b.ints([position]), b.ints([0])]);
  };
  const factors = quantizers.map(({ layer, grid }) =>
    b.op("Reshape", [next(grid.scale.length), b.ints(layer.shape.map((dim, axis) => (axis === layer.outputAxis ? dim : 1)))]),
  );
  const biases = new Map(
    quantizers.flatMap((quantizer) => {
      const { bias } = quantizer;
      if (!bias) return [];
      const unit = b.constant(floatTensor(biasUnits(quantizer)));
      const shifted = b.op("Add", [b.constant(floatTensor(bias.values)), b.op("Mul", [next(bias.values.length), unit])]);
      return [[bias.name, { value: b.op("Reshape", [shifted, b.ints(bias.dims)]), unit }] as const];
    }),
  );
  return { soft, factors, weights: factors.map((factor, i) => b.op("Mul", [soft[i]!, factor])), biases };
}

/**
 * Emits the gradients at the soft weights and at the state.
 * @param gradientAt gives the loss's gradient at one of the emitted weights or biases
 */
export function emitChannelGradients(
  b: GraphBuilder,
  quantizers: readonly WeightQuantizer[],
  { soft, factors, weights, biases }: ChannelValues,
  gradientAt: (value: string) => string,
): { soft: string[]; state: string } {
  const atWeights = weights.map(gradientAt);
  const atFactors = quantizers.map(({ layer }, i) => {
    const others = layer.shape.flatMap((_, axis) => (axis === layer.outputAxis ? [] : [axis]));
    return b.op("ReduceSum", [b.op("Mul", [atWeights[i]!, soft[i]!]), b.ints(others)], { keepdims: 0 });
  });
  const atShifts = [...biases.values()].map(({ value, unit }) => b.op("Mul", [b.op("Reshape", [gradientAt(value), b.ints([-1])]), unit]));
  const parts = [...atFactors, ...atShifts];
  return {
    soft: atWeights.map((gradient, i) => b.op("Mul", [gradient, factors[i]!])),
    state: parts.length === 1 ? parts[0]! : b.op("Concat", parts, { axis: 0 }),
  };
}

/** A layer's step sizes, and its bias where that was trained. */
export interface ChannelParameters {
  readonly scale: Float32Array;
  readonly bias?: Float32Array | undefined;
}

/** What the trained state stands for, layer by layer. */
export function channelParameters(quantizers: readonly WeightQuantizer[], state: Float32Array): ChannelParameters[] {
  let position = 0;
  const next = (count: number) => {
    position += count;
    return state.subarray(position - count, position);
  };
  const scales = quantizers.map(({ grid: { scale } }) => {
    const factors = next(scale.length);
    return scale.map((value, channel) => value * factors[channel]!);
  });
  return quantizers.map((quantizer, i) => {
    const { bias } = quantizer;
    if (!bias) return { scale: scales[i]! };
    const shifts = next(bias.values.length);
    const units = biasUnits(quantizer);
    return { scale: scales[i]!, bias: bias.values.map((value, channel) => value + Math.fround(shifts[channel]! * units[channel]!)) };
  });
}

function biasUnits({ weights, grid: { scale } }: WeightQuantizer): Float32Array {
  const root = Math.sqrt(weights.length / scale.length);
  return scale.map((value) => value * root);
}
