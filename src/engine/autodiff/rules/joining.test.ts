import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

const opsets = [13, 17, 21, 25];

describe("gradient of Concat", () => {
  it.each([0, 1, 2, -1, -2])("along axis %d", async (axis) => {
    const random = new TestRandom(1);
    const at = axis < 0 ? axis + 3 : axis;
    const inputs = [1, 3, 2].map((length) => random.tensor([2, 3, 2].with(at, length)));
    for (const opset of opsets) {
      for (const differentiable of [[0, 1, 2], [1], [0, 2]]) {
        await checkGradient({ opType: "Concat", attributes: { axis }, inputs, differentiable, opset });
      }
    }
  });
});

describe("gradient of Split", () => {
  it.each([0, 1, -1])("along axis %d", async (axis) => {
    const random = new TestRandom(2);
    const dims = [2, 2, 2].with(axis, 6);
    for (const opset of opsets) {
      const inputs = [random.tensor(dims), int64Tensor([1, 3, 2])];
      await checkGradient({ opType: "Split", attributes: { axis }, inputs, differentiable: [0], outputs: 3, opset });
    }
  });

  it("in equal and unequal parts, as each opset writes them", async () => {
    const random = new TestRandom(3);
    const base = { opType: "Split", differentiable: [0], outputs: 2 };
    await checkGradient({ ...base, attributes: { axis: 1 }, inputs: [random.tensor([2, 4])], opset: 13 });
    await checkGradient({ ...base, attributes: { axis: 1, num_outputs: 2 }, inputs: [random.tensor([2, 5])], opset: 18 });
    await checkGradient({ ...base, attributes: { axis: 1, split: [1, 3] }, inputs: [random.tensor([2, 4])], opset: 11 });
  });

  it("is zero where nothing depends on an output", async () => {
    const x: Tensor = { type: "double", dims: [5], data: Float64Array.of(1, 2, 3, 4, 5) };
    const cotangent: Tensor = { type: "double", dims: [2], data: Float64Array.of(7, 8) };
    const check = { opType: "Split", inputs: [x, int64Tensor([1, 2, 2])], differentiable: [0], outputs: 3 };
    const [gradient] = await operatorGradients(check, [undefined, cotangent, undefined]);
    expect([...(gradient!.data as Float64Array)]).toEqual([0, 7, 8, 0, 0]);
  });
});
