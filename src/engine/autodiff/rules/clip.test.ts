import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { elementwise } from "../../../../test/support/reference/elementwise.ts";
import { float } from "../../graph/attributes.ts";
import type { Tensor } from "../../onnx/tensor.ts";

const opsets = [13, 17, 21, 25];

function scalar(value: number): Tensor {
  return { type: "double", dims: [], data: Float64Array.of(value) };
}

const ranges: [number | undefined, number | undefined][] = [
  [0, 6],
  [-1, 1],
  [undefined, 0.5],
  [-0.3, undefined],
  [undefined, undefined],
  [0.1, 0.7],
  [-3.4028234663852886e38, 3.4028234663852886e38],
];

describe("gradient of Clip", () => {
  it.each(ranges)("between %s and %s", async (low, high) => {
    const random = new TestRandom(1);
    const kinks = [low, high].filter((bound) => bound !== undefined);
    const bounds = [low, high].map((bound) => (bound === undefined ? undefined : scalar(bound)));
    const reference = elementwise((x) => Math.min(Math.max(x, low ?? -Infinity), high ?? Infinity));
    for (const opset of opsets) {
      const inputs = [random.tensorAwayFrom(kinks, [3, 8], -2, 8), ...bounds];
      await checkGradient({ opType: "Clip", inputs, differentiable: [0], opset });
      await checkGradient({ opType: "Clip", inputs, differentiable: [0], opset, reference });
    }
  });

  it("is right near large bounds", async () => {
    for (const bound of [1e9, -1e9, 3e30]) {
      const reference = elementwise((x) => Math.max(x, Math.fround(bound)));
      const x: Tensor = { type: "double", dims: [2], data: Float64Array.of(bound - Math.abs(bound) / 1000, bound + Math.abs(bound) / 1000) };
      await checkGradient({ opType: "Clip", inputs: [x, scalar(bound)], differentiable: [0], reference, step: Math.abs(bound) / 1e6 });
    }
  });

  it("is zero at saturated outputs, whose value is the bound itself", async () => {
    const x: Tensor = { type: "double", dims: [4], data: Float64Array.of(-0.2, 0.05, 0.1, 3) };
    const one: Tensor = { type: "double", dims: [4], data: Float64Array.of(1, 1, 1, 1) };
    const check = { opType: "Clip", inputs: [x, scalar(-0.1), scalar(0.1)], differentiable: [0] };
    const [gradient] = await operatorGradients(check, [one]);
    expect([...(gradient!.data as Float64Array)]).toEqual([0, 1, 0, 0]);
  });

  it("reaches bounds that are trained", async () => {
    const random = new TestRandom(2);
    for (const opset of opsets) {
      const inputs = [random.tensorAwayFrom([-0.5, 0.8], [4, 6]), scalar(-0.5), scalar(0.8)];
      await checkGradient({ opType: "Clip", inputs, differentiable: [0, 1, 2], opset });
      await checkGradient({ opType: "Clip", inputs, differentiable: [2], opset });
    }
  });

  it("takes the bounds as attributes before opset 11", async () => {
    const reference = elementwise((x) => Math.min(Math.max(x, 0), 1));
    const inputs = [new TestRandom(3).tensorAwayFrom([0, 1], [12])];
    await checkGradient({ opType: "Clip", attributes: { min: float(0), max: float(1) }, inputs, differentiable: [0], opset: 10, reference });
  });
});
