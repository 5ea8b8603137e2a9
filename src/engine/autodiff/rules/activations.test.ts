import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { broadcasting, elementwise, sigmoid, softplus } from "../../../../test/support/reference/elementwise.ts";
import { float } from "../../graph/attributes.ts";

const opsets = [13, 17, 21, 25];
const shapes = [[7], [2, 3, 4]];

describe("gradients of activations", () => {
  it.each(["Relu", "Sigmoid", "Tanh"])("%s in double", async (opType) => {
    const random = new TestRandom(1);
    for (const opset of opsets) {
      for (const dims of shapes) await checkGradient({ opType, inputs: [random.tensorAwayFrom([0], dims)], differentiable: [0], opset });
    }
  });

  const plain: [string, (x: number) => number, number[]][] = [
    ["Relu", (x) => Math.max(x, 0), [0]],
    ["Sigmoid", sigmoid, []],
    ["Tanh", Math.tanh, []],
    ["Softplus", softplus, []],
    ["Elu", (x) => (x > 0 ? x : Math.expm1(x)), [0]],
    ["LeakyRelu", (x) => (x > 0 ? x : 0.01 * x), [0]],
    ["HardSigmoid", (x) => Math.min(1, Math.max(0, 0.2 * x + 0.5)), [-2.5, 2.5]],
    ["HardSwish", (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)), [-3, 3]],
  ];
  it.each(plain)("%s in float", async (opType, f, kinks) => {
    const random = new TestRandom(2);
    for (const opset of opsets) {
      if (opType === "HardSwish" && opset < 14) continue;
      for (const dims of shapes) {
        const inputs = [random.tensorAwayFrom(kinks, dims, -5, 5)];
        await checkGradient({ opType, inputs, differentiable: [0], opset, reference: elementwise(f) });
      }
    }
  });

  it.each([0.3, 1, 2, -0.5, 0])("LeakyRelu with alpha %d", async (alpha) => {
    const inputs = [new TestRandom(3).tensorAwayFrom([0], [3, 5])];
    const reference = elementwise((x) => (x > 0 ? x : Math.fround(alpha) * x));
    for (const opset of opsets) {
      await checkGradient({ opType: "LeakyRelu", attributes: { alpha: float(alpha) }, inputs, differentiable: [0], opset, reference });
    }
  });

  it.each([0.3, 1, 2, 0])("Elu with alpha %d", async (alpha) => {
    const inputs = [new TestRandom(4).tensorAwayFrom([0], [3, 5])];
    const reference = elementwise((x) => (x > 0 ? x : Math.fround(alpha) * Math.expm1(x)));
    await checkGradient({ opType: "Elu", attributes: { alpha: float(alpha) }, inputs, differentiable: [0], reference });
  });

  it("Elu with a negative alpha is refused", async () => {
    const inputs = [new TestRandom(4).tensor([3])];
    const check = {
      opType: "Elu",
      attributes: { alpha: float(-1) },
      inputs,
      differentiable: [0],
      reference: elementwise((x) => (x > 0 ? x : -Math.expm1(x))),
    };
    await expect(checkGradient(check)).rejects.toThrow("The gradient of Elu needs an alpha that is not negative");
  });

  it.each([
    [1 / 6, 0.5],
    [1, 0],
    [-0.5, 0.25],
  ])("HardSigmoid with alpha %d and beta %d", async (alpha, beta) => {
    const [a, b] = [Math.fround(alpha), Math.fround(beta)];
    const inputs = [new TestRandom(5).tensorAwayFrom([-b / a, (1 - b) / a], [4, 6], -5, 5)];
    const reference = elementwise((x) => Math.min(1, Math.max(0, a * x + b)));
    const attributes = { alpha: float(alpha), beta: float(beta) };
    await checkGradient({ opType: "HardSigmoid", attributes, inputs, differentiable: [0], reference });
  });

  it.each([
    [
      [2, 3, 4],
      [3, 1],
    ],
    [[2, 3], [1]],
    [
      [2, 3],
      [2, 3],
    ],
  ])("PRelu of %j with a slope of %j", async (dims, slope) => {
    const random = new TestRandom(6);
    for (const opset of opsets) {
      for (const differentiable of [[0, 1], [0], [1]]) {
        const inputs = [random.tensorAwayFrom([0], dims), random.tensor(slope)];
        await checkGradient({ opType: "PRelu", inputs, differentiable, opset, reference: broadcasting((x, a) => (x > 0 ? x : a * x)) });
      }
    }
  });
});
