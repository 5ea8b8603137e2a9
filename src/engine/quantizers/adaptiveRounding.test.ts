import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Layer } from "../graph/layers.ts";
import { floatData, floatScalar, floatTensor } from "../onnx/tensor.ts";
import { emitRoundingGradient, emitSoftWeights, inverseRectifiedSigmoid, roundedLevels, roundingProblem } from "./adaptiveRounding.ts";
import { nearestLevels, type WeightQuantizer } from "./weightQuantizer.ts";

function quantizer(values: readonly number[], shape: readonly number[], bits: number, scale: number, zero: number, outputAxis = 0): WeightQuantizer {
  const channels = shape[outputAxis]!;
  const layer = { name: "layer", weight: "w", shape, outputAxis } as unknown as Layer;
  return {
    layer,
    weights: Float32Array.from(values),
    grid: { bits, scale: new Float32Array(channels).fill(scale), zeroPoint: new Uint8Array(channels).fill(zero) },
  };
}

const h = (v: number) => Math.min(Math.max(1.2 / (1 + Math.exp(-v)) - 0.1, 0), 1);

describe("roundingProblem", () => {
  it("starts with soft weights equal to the FP32 weights, where they are in range", () => {
    const weights = [0.13, -0.27, 0.41, -0.05];
    const { slope, offset, start } = roundingProblem([quantizer(weights, [2, 2], 4, 0.1, 8)]);
    weights.forEach((w, i) => {
      expect(slope[i]! * h(start[i]!) + offset[i]!).toBeCloseTo(w, 6);
    });
  });

  it("holds weights beyond the range at its ends", () => {
    const { slope, offset } = roundingProblem([quantizer([5, -5], [1, 2], 2, 1, 1)]);
    expect([...slope]).toEqual([0, 0]);
    expect([...offset]).toEqual([2, -1]); // Levels 3 and 0 with zero point 1.
  });
});

describe("roundedLevels", () => {
  it("rounds to nearest before anything is trained", () => {
    const given = quantizer([0.13, -0.27, 0.41, -0.05, 9, -9], [2, 3], 4, 0.1, 8);
    const problem = roundingProblem([given]);
    expect(roundedLevels(problem, problem.start)[0]).toEqual(nearestLevels(given));
  });

  it("gives channel-major levels for a layer whose channels come last", () => {
    // Layout [in 3, out 2]; channel-major weights are given as [out 2, in 3].
    const given = quantizer([0.1, 1.1, 2.1, 3.4, 0.4, 1.4], [3, 2], 2, 1, 0, 1);
    const problem = roundingProblem([given]);
    // In the layer's layout: (0.1, 3.4), (1.1, 0.4), (2.1, 1.4). The first row goes up, the others down.
    const up = Float32Array.of(1, 1, -1, -1, -1, -1);
    expect([...roundedLevels(problem, up)[0]!]).toEqual([1, 1, 2, 3, 0, 1]);
  });
});

describe("inverseRectifiedSigmoid", () => {
  it.each([0, 0.25, 0.5, 0.99])("h(V) = %f", (value) => {
    expect(h(inverseRectifiedSigmoid(value))).toBeCloseTo(value, 10);
  });
});

describe("emitRoundingGradient", () => {
  it.each([
    [0.5, 20],
    [0.5, 2],
    [0, 7],
  ])("equals finite differences, λ %f, β %f", async (lambda, beta) => {
    const random = new TestRandom(3);
    const first = quantizer(
      Array.from({ length: 6 }, () => random.uniform(-0.6, 0.6)),
      [2, 3],
      3,
      0.15,
      4,
    );
    const second = quantizer(
      Array.from({ length: 4 }, () => random.uniform(-0.6, 0.6)),
      [1, 4],
      2,
      0.3,
      1,
    );
    const problem = roundingProblem([first, second]);
    const v = Float32Array.from(problem.start, () => random.uniform(-2, 2));
    v.set([0, 5, -5], 1); // h is 1/2, where |2h - 1| is 0, and beyond the clamp on both sides.
    const factors = Array.from({ length: v.length }, () => random.uniform(-1, 1));
    // Loss: Σ factor w² + λ Σ (1 - |2h-1|^β), in double precision.
    const loss = (at: readonly number[]) =>
      at.reduce((sum, value, i) => {
        const w = problem.slope[i]! * h(value) + problem.offset[i]!;
        return sum + factors[i]! * w * w + lambda * (1 - Math.abs(2 * h(value) - 1) ** beta);
      }, 0);

    const b = new GraphBuilder();
    b.input("v", "float", [v.length]);
    b.input("strength", "float", []);
    b.input("power", "float", []);
    const soft = emitSoftWeights(b, problem, "v");
    const parts = [factors.slice(0, 6), factors.slice(6)];
    const gradients = soft.weights.map((weight, i) =>
      b.op("Mul", [
        weight,
        b.constant(
          floatTensor(
            parts[i]!.map((f) => 2 * f),
            [
              [2, 3],
              [1, 4],
            ][i],
          ),
        ),
      ]),
    );
    b.output(emitRoundingGradient(b, problem, soft, gradients, "strength", "power"), "gradient", "float", [v.length]);
    const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));
    const { gradient } = await session.run({ v: floatTensor(v), strength: floatScalar(-2 * lambda * beta), power: floatScalar(beta - 2) });
    await session.release();

    const step = 1e-5;
    v.forEach((_, i) => {
      const moved = (by: number) => loss(Array.from(v, (value, j) => (i === j ? value + by : value)));
      const expected = (moved(step) - moved(-step)) / (2 * step);
      expect(floatData(gradient!)[i]).toBeCloseTo(expected, 4);
    });
  });
});
