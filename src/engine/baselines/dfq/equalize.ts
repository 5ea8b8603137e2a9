/**
 * @file Cross-layer equalization (Nagel et al. 2019, section 4.1): relu(s x) = s relu(x) lets factors move from the weights
 * before an activation to those behind it, so that both use their ranges equally well.
 */
import type { Layer } from "../../graph/layers.ts";
import { inputChannels, outputChannels } from "../../graph/weightChannels.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import type { Pair } from "./pairs.ts";
import type { DfqStructure } from "./structure.ts";

/** Sweeps over all pairs stop where no factor changes by more than this share, or at this many. */
const tolerance = 1e-2;
const maxSweeps = 200;
/** No channel is scaled by more: near-dead ones would blow up what they do not matter for. */
const largestFactor = 1e3;

/** By layer: what each output channel is divided by, and each input channel multiplied by. */
export interface Equalization {
  readonly outputs: ReadonlyMap<string, Float64Array>;
  readonly inputs: ReadonlyMap<string, Float64Array>;
  readonly sweeps: number;
}

/**
 * Equalizes all pairs in place, again and again until the factors stand still: s_i = sqrt(r1_i / r2_i), with r the largest
 * |weight| of channel i before and behind the activation. The network computes the same.
 */
export function equalize({ network, pairs, bounds }: DfqStructure): Equalization {
  const factors = new Map(network.layers.map((layer) => [layer.name, new LayerFactors(layer, floatData(network.graph.constant(layer.weight)!))]));
  let sweeps = 0;
  for (let change = Number.POSITIVE_INFINITY; change > tolerance && sweeps < maxSweeps; sweeps++) {
    change = Math.max(0, ...pairs.map((pair) => equalizePair(pair, factors)));
  }
  applyFactors();
  return {
    outputs: new Map([...factors].map(([name, { outputs }]) => [name, outputs])),
    inputs: new Map([...factors].map(([name, { inputs }]) => [name, inputs])),
    sweeps,
  };

  function applyFactors(): void {
    for (const layer of network.layers) {
      const own = factors.get(layer.name)!;
      network.graph.setConstant(layer.weight, floatTensor(own.scaledWeights(), layer.shape));
      if (!layer.bias) continue;
      const bias = floatData(network.graph.constant(layer.bias)!);
      network.graph.setConstant(
        layer.bias,
        floatTensor(
          bias.map((value, channel) => value / own.outputs[channel]!),
          [bias.length],
        ),
      );
    }
    for (const { pair, constants } of bounds) {
      const { outputs } = factors.get(pair.first.name)!;
      for (const name of constants) {
        const { data, dims } = network.graph.constant(name)!;
        const repeat = data.length / pair.channels;
        network.graph.setConstant(
          name,
          floatTensor(
            Float32Array.from(data as Float32Array, (value, i) => value / outputs[Math.floor(i / repeat)]!),
            dims,
          ),
        );
      }
    }
  }
}

/** Equalizes one pair; gives the largest relative change of a factor. */
function equalizePair({ first, seconds, channels }: Pair, factors: ReadonlyMap<string, LayerFactors>): number {
  const before = factors.get(first.name)!;
  const behind = seconds.map(({ name }) => factors.get(name)!);
  const r1 = before.outputRanges();
  const r2 = new Float64Array(channels);
  for (const layer of behind) {
    const repeat = layer.inputs.length / channels;
    for (const [i, range] of layer.inputRanges().entries()) {
      const channel = Math.floor(i / repeat);
      r2[channel] = Math.max(r2[channel]!, range);
    }
  }
  let change = 0;
  for (let channel = 0; channel < channels; channel++) {
    // A channel without weights on one side has nothing to share.
    if (r1[channel] === 0 || r2[channel] === 0) continue;
    const present = before.outputs[channel]!;
    const wanted = present * Math.sqrt(r1[channel]! / r2[channel]!);
    const factor = Math.min(Math.max(wanted, 1 / largestFactor), largestFactor) / present;
    before.outputs[channel] = present * factor;
    for (const layer of behind) {
      const repeat = layer.inputs.length / channels;
      for (let i = channel * repeat; i < (channel + 1) * repeat; i++) layer.inputs[i]! *= factor;
    }
    change = Math.max(change, Math.abs(Math.log(factor)));
  }
  return change;
}

/** A layer's weights with a divisor for each output channel and a factor for each input channel. */
class LayerFactors {
  readonly outputs: Float64Array;
  readonly inputs: Float64Array;
  readonly #weights: Float32Array;
  readonly #outputOf: (index: number) => number;
  readonly #inputOf: (index: number) => number;
  /** The largest magnitude of each kernel, with its two channels: in convolutions, neighbours share both. */
  readonly #magnitudes: Float32Array;
  readonly #outputIndex: Uint32Array;
  readonly #inputIndex: Uint32Array;

  constructor({ node, shape, op }: Layer, weights: Float32Array) {
    // Layers with stacked matrices are in no pair: one channel each will do.
    const stacked = op === "MatMul" && shape.length !== 2;
    const whole = { channels: 1, channelOf: () => 0 };
    const output = stacked ? whole : outputChannels(node, shape);
    const input = stacked ? whole : inputChannels(node, shape);
    this.outputs = new Float64Array(output.channels).fill(1);
    this.inputs = new Float64Array(input.channels).fill(1);
    this.#weights = weights;
    this.#outputOf = output.channelOf;
    this.#inputOf = input.channelOf;
    const kernel = op === "Conv" || op === "ConvTranspose" ? shape.slice(2).reduce((product, dim) => product * dim, 1) : 1;
    const kernels = stacked ? 0 : weights.length / kernel;
    this.#magnitudes = new Float32Array(kernels);
    for (let i = 0; i < kernels * kernel; i++) {
      const k = Math.floor(i / kernel);
      this.#magnitudes[k] = Math.max(this.#magnitudes[k]!, Math.abs(weights[i]!));
    }
    this.#outputIndex = Uint32Array.from({ length: kernels }, (_, k) => output.channelOf(k * kernel));
    this.#inputIndex = Uint32Array.from({ length: kernels }, (_, k) => input.channelOf(k * kernel));
  }

  /** The largest |weight| of each output channel, as scaled so far. */
  outputRanges(): Float64Array {
    return this.#ranges(this.#outputIndex, this.outputs.length);
  }

  /** The largest |weight| that each input channel meets, as scaled so far. */
  inputRanges(): Float64Array {
    return this.#ranges(this.#inputIndex, this.inputs.length);
  }

  #ranges(channelOf: Uint32Array, channels: number): Float64Array {
    const ranges = new Float64Array(channels);
    this.#magnitudes.forEach((magnitude, k) => {
      const scaled = (magnitude * this.inputs[this.#inputIndex[k]!]!) / this.outputs[this.#outputIndex[k]!]!;
      const channel = channelOf[k]!;
      if (scaled > ranges[channel]!) ranges[channel] = scaled;
    });
    return ranges;
  }

  scaledWeights(): Float32Array {
    return this.#weights.map((weight, i) => (weight * this.inputs[this.#inputOf(i)]!) / this.outputs[this.#outputOf(i)]!);
  }
}
