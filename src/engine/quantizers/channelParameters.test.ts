import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Layer } from "../graph/layers.ts";
import { floatData, floatTensor } from "../onnx/tensor.ts";
import { channelParameters, emitChannelGradients, emitChannels, unchangedChannels } from "./channelParameters.ts";
import type { WeightQuantizer } from "./weightQuantizer.ts";

function quantizer(shape: readonly number[], outputAxis: number, scale: readonly number[], bias?: readonly number[]): WeightQuantizer {
  const layer = { name: "layer", weight: "w", shape, outputAxis } as unknown as Layer;
  const size = shape.reduce((product, dim) => product * dim, 1);
  return {
    layer,
    weights: new Float32Array(size),
    grid: { bits: 4, scale: Float32Array.from(scale), zeroPoint: new Uint8Array(scale.length) },
    bias: bias && { name: "bias", dims: [1, bias.length], values: Float32Array.from(bias) },
  };
}

// Channels in front, as in Conv, and last, as in MatMul; one of the two has a bias.
const quantizers = [quantizer([3, 2, 2], 0, [0.1, 0.2, 0.4]), quantizer([4, 2], 1, [0.5, 0.25], [1, -1])];
const channelOf = [(i: number) => Math.floor(i / 4), (i: number) => 3 + (i % 2)];
const units = [0.5 * Math.sqrt(4), 0.25 * Math.sqrt(4)];

describe("emitChannels", () => {
  it("scales each channel's weights and shifts its bias, with gradients equal to finite differences", async () => {
    const random = new TestRandom(5);
    const numbers = (count: number) => Float32Array.from({ length: count }, () => random.uniform(-1, 1));
    const soft = quantizers.map(({ weights }) => numbers(weights.length));
    const state = unchangedChannels(quantizers).map((value) => value + random.uniform(-0.3, 0.3));
    const targets = soft.map(({ length }) => numbers(length));
    const biasTargets = numbers(2);
    // Loss: Σ target (factor w)² + Σ target bias²
    const loss = (w: readonly ArrayLike<number>[], at: ArrayLike<number>) =>
      w.reduce((sum, part, j) => sum + Array.from(part).reduce((s, value, i) => s + targets[j]![i]! * (at[channelOf[j]!(i)]! * value) ** 2, 0), 0) +
      [1, -1].reduce((sum, bias, i) => sum + biasTargets[i]! * (bias + units[i]! * at[5 + i]!) ** 2, 0);

    const b = new GraphBuilder();
    const twice = (value: string, target: Float32Array, shape: readonly number[]) =>
      b.op("Mul", [
        value,
        b.constant(
          floatTensor(
            target.map((number) => 2 * number),
            shape,
          ),
        ),
      ]);
    const names = quantizers.map(({ layer }, j) => b.input(`soft_${j}`, "float", [...layer.shape]));
    const values = emitChannels(b, quantizers, names, b.input("state", "float", [state.length]));
    const gradients = new Map(values.weights.map((weight, j) => [weight, twice(weight, targets[j]!, quantizers[j]!.layer.shape)]));
    for (const { value } of values.biases.values()) gradients.set(value, twice(value, biasTargets, [1, 2]));
    const made = emitChannelGradients(b, quantizers, values, (value) => gradients.get(value)!);
    made.soft.forEach((name, j) => {
      b.output(name, `soft_gradient_${j}`, "float", [...quantizers[j]!.layer.shape]);
    });
    b.output(made.state, "state_gradient", "float", [state.length]);
    const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));
    const results = await session.run({
      state: floatTensor(state),
      ...Object.fromEntries(soft.map((part, j) => [`soft_${j}`, floatTensor(part, quantizers[j]!.layer.shape)])),
    });
    await session.release();

    const step = 1e-5;
    const moved = (part: ArrayLike<number>, i: number, by: number) => Array.from(part, (value, k) => (k === i ? value + by : value));
    state.forEach((_, i) => {
      const expected = (loss(soft, moved(state, i, step)) - loss(soft, moved(state, i, -step))) / (2 * step);
      expect(floatData(results.state_gradient!)[i]).toBeCloseTo(expected, 4);
    });
    soft.forEach((part, j) => {
      part.forEach((_, i) => {
        const at = (by: number) =>
          loss(
            soft.map((other, k) => (k === j ? moved(part, i, by) : other)),
            state,
          );
        expect(floatData(results[`soft_gradient_${j}`]!)[i]).toBeCloseTo((at(step) - at(-step)) / (2 * step), 4);
      });
    });
  });
});

describe("channelParameters", () => {
  it("changes nothing before training", () => {
    expect(channelParameters(quantizers, unchangedChannels(quantizers))).toEqual([
      { scale: quantizers[0]!.grid.scale },
      { scale: quantizers[1]!.grid.scale, bias: Float32Array.of(1, -1) },
    ]);
  });

  it("multiplies step sizes by their factors and shifts biases by their units", () => {
    const [first, second] = channelParameters(quantizers, Float32Array.of(1, 2, 0.5, 1, 4, 0.5, -2));
    expect([...first!.scale]).toEqual([...Float32Array.of(0.1, 0.4, 0.2)]);
    expect([...second!.scale]).toEqual([0.5, 1]);
    expect([...second!.bias!]).toEqual([1 + 0.5, -1 - 1]);
  });
});
