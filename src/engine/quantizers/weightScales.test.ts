import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Layer } from "../graph/layers.ts";
import { floatData, floatTensor } from "../onnx/tensor.ts";
import type { WeightQuantizer } from "./weightQuantizer.ts";
import { emitScaledWeights, emitScaleGradients, scaleCount, scalesOf } from "./weightScales.ts";

function quantizer(shape: readonly number[], outputAxis: number, scale: readonly number[]): WeightQuantizer {
  const layer = { name: "layer", weight: "w", shape, outputAxis } as unknown as Layer;
  const size = shape.reduce((product, dim) => product * dim, 1);
  return { layer, weights: new Float32Array(size), grid: { bits: 4, scale: Float32Array.from(scale), zeroPoint: new Uint8Array(scale.length) } };
}

// Channels in front, as in Conv, and last, as in MatMul.
const quantizers = [quantizer([3, 2, 2], 0, [0.1, 0.2, 0.4]), quantizer([4, 2], 1, [0.5, 0.25])];
const channelOf = [(i: number) => Math.floor(i / 4), (i: number) => 3 + (i % 2)];

describe("step sizes that are trained", () => {
  it("multiply each channel's soft weights, with gradients equal to finite differences", async () => {
    const random = new TestRandom(5);
    const numbers = (count: number) => Float32Array.from({ length: count }, () => random.uniform(-1, 1));
    const soft = quantizers.map(({ weights }) => numbers(weights.length));
    const factors = Float32Array.from({ length: scaleCount(quantizers) }, () => random.uniform(0.5, 1.5));
    const targets = soft.map(({ length }) => numbers(length));
    // Loss: Σ target · (factor w)²
    const loss = (w: readonly ArrayLike<number>[], at: ArrayLike<number>) =>
      w.reduce((sum, part, j) => sum + Array.from(part).reduce((s, value, i) => s + targets[j]![i]! * (at[channelOf[j]!(i)]! * value) ** 2, 0), 0);

    const b = new GraphBuilder();
    const names = quantizers.map(({ layer }, j) => b.input(`soft_${j}`, "float", [...layer.shape]));
    const scaled = emitScaledWeights(b, quantizers, names, b.input("factors", "float", [factors.length]));
    const gradients = scaled.weights.map((weight, j) =>
      b.op("Mul", [
        weight,
        b.constant(
          floatTensor(
            targets[j]!.map((value) => 2 * value),
            quantizers[j]!.layer.shape,
          ),
        ),
      ]),
    );
    const made = emitScaleGradients(b, quantizers, scaled, gradients);
    made.soft.forEach((name, j) => {
      b.output(name, `soft_gradient_${j}`, "float", [...quantizers[j]!.layer.shape]);
    });
    b.output(made.factors, "factor_gradient", "float", [factors.length]);
    const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));
    const results = await session.run({
      factors: floatTensor(factors),
      ...Object.fromEntries(soft.map((values, j) => [`soft_${j}`, floatTensor(values, quantizers[j]!.layer.shape)])),
    });
    await session.release();

    const step = 1e-5;
    factors.forEach((_, i) => {
      const moved = (by: number) =>
        loss(
          soft,
          Array.from(factors, (value, k) => (k === i ? value + by : value)),
        );
      expect(floatData(results.factor_gradient!)[i]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 4);
    });
    soft.forEach((values, j) => {
      values.forEach((_, i) => {
        const moved = (by: number) =>
          loss(
            soft.map((part, k) => (k === j ? Array.from(part, (value, n) => (n === i ? value + by : value)) : part)),
            factors,
          );
        expect(floatData(results[`soft_gradient_${j}`]!)[i]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 4);
      });
    });
  });

  it("are the searched ones times their factors", () => {
    const [first, second] = scalesOf(quantizers, Float32Array.of(1, 2, 0.5, 1, 4));
    expect([...first!].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([0.1, 0.4, 0.2]);
    expect([...second!]).toEqual([0.5, 1]);
  });
});
