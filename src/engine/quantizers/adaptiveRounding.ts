/**
 * @file Adaptive rounding (Nagel et al. 2020, "Up or Down?", section 3): each weight is rounded down plus a
 * trained h(V) in [0, 1]. The roundings of all layers that are trained together lie in one flat vector V, so
 * that the optimizer's arithmetic runs once a step.
 *
 *   h(V) = clamp(1.2 σ(V) - 0.1, 0, 1)          w(V) = s (clamp(floor(w/s) + z + h, 0, n-1) - z)
 *
 * floor(w/s) + z is an integer, so the clamp acts on a weight for every h or for none: w(V) = slope h + offset
 * with constant slope (0 where clamped) and offset.
 */
import type { GraphBuilder } from "../graph/builder.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { fromChannelMajor, toChannelMajor } from "./channelMajor.ts";
import { chosenLevels, floorLevels, type WeightQuantizer } from "./weightQuantizer.ts";

/** Stretch of the rectified sigmoid: h spans [-0.1, 1.1] before the clamp. */
const stretch = 1.2;
const shift = -0.1;

/** (stretch / 2)² - 1/4, and what float arithmetic may add to it. */
const clampedSlope = 0.1100001;

/** What training needs to know of the layers it rounds; arrays run over all layers' weights, each in its own layout. */
export interface RoundingProblem {
  readonly quantizers: readonly WeightQuantizer[];
  readonly slope: Float32Array;
  readonly offset: Float32Array;
  /** V at the start: h is each weight's distance from its floor, so that the soft weights equal FP32's. */
  readonly start: Float32Array;
}

/** Sets up the rounding of layers that are trained together. */
export function roundingProblem(quantizers: readonly WeightQuantizer[]): RoundingProblem {
  const size = quantizers.reduce((sum, { weights }) => sum + weights.length, 0);
  const problem = { quantizers, slope: new Float32Array(size), offset: new Float32Array(size), start: new Float32Array(size) };
  let position = 0;
  for (const quantizer of quantizers) {
    const { layer } = quantizer;
    const part = layerProblem(quantizer);
    for (const key of ["slope", "offset", "start"] as const) {
      problem[key].set(fromChannelMajor(part[key], layer.shape, layer.outputAxis), position);
    }
    position += quantizer.weights.length;
  }
  return problem;
}

function layerProblem(quantizer: WeightQuantizer) {
  const { weights, grid } = quantizer;
  const top = 2 ** grid.bits - 1;
  const perChannel = weights.length / grid.scale.length;
  const slope = new Float32Array(weights.length);
  const offset = new Float32Array(weights.length);
  const start = new Float32Array(weights.length);
  floorLevels(quantizer).forEach((floor, i) => {
    const channel = Math.floor(i / perChannel);
    const scale = grid.scale[channel]!;
    const zero = grid.zeroPoint[channel]!;
    const free = floor >= 0 && floor < top;
    slope[i] = free ? scale : 0;
    offset[i] = scale * (Math.min(Math.max(floor, 0), top) - zero);
    start[i] = free ? inverseRectifiedSigmoid(weights[i]! / scale + zero - floor) : 0;
  });
  return { slope, offset, start };
}

/** V with h(V) = h, for h in [0, 1]. */
export function inverseRectifiedSigmoid(h: number): number {
  return -Math.log(stretch / (h - shift) - 1);
}

/** The hard rounding that trained V stands for (up where V >= 0): levels of each layer, channel-major. */
export function roundedLevels({ quantizers }: RoundingProblem, v: Float32Array): Uint8Array[] {
  let position = 0;
  return quantizers.map((quantizer) => {
    const part = v.subarray(position, position + quantizer.weights.length);
    position += quantizer.weights.length;
    const up = Uint8Array.from(part, (value) => (value >= 0 ? 1 : 0));
    return chosenLevels(quantizer, toChannelMajor(up, quantizer.layer.shape, quantizer.layer.outputAxis));
  });
}

/** Values in the graph of a training step that {@link emitSoftWeights} makes and {@link emitRoundingGradient} reads. */
export interface SoftWeights {
  /** One value a layer, in the layer's shape. */
  readonly weights: readonly string[];
  readonly h: string;
}

/** Emits the soft weights of all layers for the rounding variable `v` [size]. */
export function emitSoftWeights(b: GraphBuilder, problem: RoundingProblem, v: string): SoftWeights {
  // HardSigmoid is clamp(alpha x + beta, 0, 1): one pass.
  const h = b.op("HardSigmoid", [b.op("Sigmoid", [v])], { alpha: { float: stretch }, beta: { float: shift } });
  const scaled = b.op("Mul", [h, b.constant(floatTensor(problem.slope))]);
  const flat = b.op("Add", [scaled, b.constant(floatTensor(problem.offset))]);
  let position = 0;
  const weights = problem.quantizers.map(({ layer, weights: { length } }) => {
    const whole = problem.quantizers.length === 1;
    const part = whole ? flat : b.op("Slice", [flat, b.ints([position]), b.ints([position + length]), b.ints([0])]);
    position += length;
    return b.op("Reshape", [part, b.ints(layer.shape)]);
  });
  return { weights, h };
}

/**
 * Emits the gradient of `reconstruction loss + λ Σ (1 - |2h - 1|^β)` at V. With c = h - 1/2, h'(V) = (0.36 - c²) / 1.2 inside of the clamp, and
 * the regularizer's gradient at h is -λ β 2^β c (c²)^(β/2 - 1): all but λ and β follows from c².
 * @param gradients gradients of the reconstruction loss at each layer's weights
 * @param strength scalar value: -2 λ β
 * @param power scalar value: β - 2
 */
export function emitRoundingGradient(
  b: GraphBuilder,
  { slope }: RoundingProblem,
  { h }: SoftWeights,
  gradients: readonly string[],
  strength: string,
  power: string,
): string {
  const parts = gradients.map((gradient) => b.op("Reshape", [gradient, b.ints([-1])]));
  const flat = parts.length === 1 ? parts[0]! : b.op("Concat", parts, { axis: 0 });
  const reconstruction = b.op("Mul", [flat, b.constant(floatTensor(slope.map((value) => value / stretch)))]);
  const centred = b.op("Sub", [h, b.scalar(0.5)]);
  const square = b.op("Mul", [centred, centred]);
  // Exp and Log are vectorized in ONNX Runtime, Pow is not. The exponent stays above 0, for 0 times log 0 is no number.
  const exponent = b.op("Max", [b.op("Mul", [power, b.scalar(0.5)]), b.scalar(1e-7)]);
  const magnitude = b.op("Exp", [b.op("Mul", [b.op("Log", [square]), exponent])]);
  const doubled = b.op("Mul", [b.op("Exp", [b.op("Mul", [power, b.scalar(Math.LN2)])]), b.scalar(2 / stretch)]);
  const regularizer = b.op("Mul", [b.op("Mul", [centred, magnitude]), b.op("Mul", [strength, doubled])]);
  // 0.36 - c² is 0.11 where h is clamped, and more elsewhere.
  const slopeOfSigmoid = b.op("ThresholdedRelu", [b.op("Sub", [b.scalar((stretch / 2) ** 2), square])], { alpha: { float: clampedSlope } });
  return b.op("Mul", [b.op("Add", [reconstruction, regularizer]), slopeOfSigmoid]);
}
