import { expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { elementwise, erf, sigmoid, softplus } from "../../../../test/support/reference/elementwise.ts";
import { float } from "../../graph/attributes.ts";

it("differentiates Gelu", async () => {
  const reference = elementwise((x) => (x / 2) * (1 + erf(x / Math.SQRT2)));
  for (const opset of [20, 21]) {
    for (const attributes of [{}, { approximate: "none" }]) {
      await checkGradient({ opType: "Gelu", attributes, inputs: [new TestRandom(1).tensor([4, 7], -4, 4)], differentiable: [0], opset, reference });
    }
  }
});

it("differentiates Gelu's tanh approximation", async () => {
  const reference = elementwise((x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))));
  const attributes = { approximate: "tanh" };
  for (const opset of [20, 21]) {
    await checkGradient({ opType: "Gelu", attributes, inputs: [new TestRandom(2).tensor([4, 7], -4, 4)], differentiable: [0], opset, reference });
  }
});

it("Mish", async () => {
  const reference = elementwise((x) => x * Math.tanh(softplus(x)));
  for (const opset of [18, 21]) {
    await checkGradient({ opType: "Mish", inputs: [new TestRandom(7).tensor([5, 6], -6, 6)], differentiable: [0], opset, reference });
  }
});

it("Mish far from 0 has the slopes 0 and 1", async () => {
  const x = { type: "double", dims: [2], data: Float64Array.of(-200, 200) } as const;
  const one = { type: "double", dims: [2], data: Float64Array.of(1, 1) } as const;
  const [gradient] = await operatorGradients({ opType: "Mish", inputs: [x], differentiable: [0], opset: 18 }, [one]);
  expect([...(gradient!.data as Float64Array)].map((value) => Math.abs(Math.round(value * 1e9) / 1e9))).toEqual([0, 1]);
});

it.each([1, 1.7])("Swish with alpha %d", async (alpha) => {
  const a = Math.fround(alpha);
  const reference = elementwise((x) => x * sigmoid(a * x));
  const inputs = [new TestRandom(8).tensor([5, 6], -4, 4)];
  await checkGradient({ opType: "Swish", attributes: { alpha: float(alpha) }, inputs, differentiable: [0], opset: 24, reference });
});
