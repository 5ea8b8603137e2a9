import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { elementwise, erf } from "../../../../test/support/reference/elementwise.ts";

const opsets = [13, 17, 21, 25];
const shapes = [[], [5], [2, 3, 1, 4]];

describe("gradients of element-wise functions", () => {
  it.each(["Abs", "Neg", "Exp", "Identity"])("%s", async (opType) => {
    const random = new TestRandom(1);
    for (const opset of opsets) {
      for (const dims of shapes) await checkGradient({ opType, inputs: [random.tensorAwayFrom([0], dims)], differentiable: [0], opset });
    }
  });

  it.each(["Log", "Sqrt", "Reciprocal"])("%s", async (opType) => {
    const random = new TestRandom(2);
    for (const opset of opsets) {
      for (const dims of shapes) await checkGradient({ opType, inputs: [random.tensor(dims, 0.2, 3)], differentiable: [0], opset });
    }
  });

  it("Reciprocal of negative numbers", async () => {
    await checkGradient({ opType: "Reciprocal", inputs: [new TestRandom(3).tensor([7], -3, -0.2)], differentiable: [0] });
  });

  it("Erf", async () => {
    const random = new TestRandom(4);
    for (const opset of opsets) {
      await checkGradient({ opType: "Erf", inputs: [random.tensor([3, 7])], differentiable: [0], opset, reference: elementwise(erf) });
    }
  });

  it("Abs in float, whose gradient at 0 is 0", async () => {
    const inputs = [new TestRandom(5).tensorAwayFrom([0], [4, 5])];
    await checkGradient({ opType: "Abs", inputs, differentiable: [0], reference: elementwise(Math.abs) });
    const zero = { type: "double", dims: [3], data: Float64Array.of(-1, 0, 1) } as const;
    const [gradient] = await operatorGradients({ opType: "Abs", inputs: [zero], differentiable: [0] }, [
      { type: "double", dims: [3], data: Float64Array.of(5, 6, 7) },
    ]);
    expect([...(gradient!.data as Float64Array)]).toEqual([-5, 0, 7]);
  });

  it.each(["Round", "Floor", "Ceil"])("%s passes the gradient on", async (opType) => {
    const random = new TestRandom(6);
    const cotangent = random.tensor([2, 6]);
    for (const opset of opsets) {
      const [gradient] = await operatorGradients({ opType, inputs: [random.tensor([2, 6])], differentiable: [0], opset }, [cotangent]);
      expect(gradient!.data).toEqual(cotangent.data);
    }
  });

  it("Cast gives the gradient in the input's type", async () => {
    const random = new TestRandom(7);
    const cotangent = { type: "float", dims: [4], data: Float32Array.of(1, -2, 0.5, 3) } as const;
    for (const opset of opsets) {
      const check = { opType: "Cast", attributes: { to: 1 }, inputs: [random.tensor([4])], differentiable: [0], opset };
      const [gradient] = await operatorGradients(check, [cotangent]);
      expect(gradient).toEqual({ type: "double", dims: [4], data: Float64Array.of(1, -2, 0.5, 3) });
    }
    await checkGradient({ opType: "Cast", attributes: { to: 11 }, inputs: [random.tensor([4])], differentiable: [0] });
  });

  it("Cast to an integer ends the gradient", async () => {
    const check = { opType: "Cast", attributes: { to: 7 }, inputs: [new TestRandom(8).tensor([4])], differentiable: [0] };
    expect(await operatorGradients(check, [undefined])).toEqual([undefined]);
  });
});
