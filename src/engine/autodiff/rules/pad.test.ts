import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

const fill: Tensor = { type: "double", dims: [], data: Float64Array.of(1.5) };
const opsets = [13, 17, 21, 25];

describe("gradient of Pad", () => {
  it.each([
    [
      [2, 3],
      [1, 0, 2, 3],
    ],
    [
      [1, 2, 3, 4],
      [0, 0, 1, 1, 0, 0, 1, 1],
    ],
    [
      [1, 2, 3, 4],
      [0, 1, 0, 2, 0, 3, 1, 0],
    ],
    [
      [4, 5],
      [-1, 0, 0, -2],
    ],
    [
      [4, 5],
      [-1, 2, 3, -2],
    ],
    [[3], [0, 0]],
  ])("of %j by %j with a constant", async (dims, pads) => {
    const random = new TestRandom(1);
    for (const opset of opsets) {
      await checkGradient({ opType: "Pad", inputs: [random.tensor(dims), int64Tensor(pads)], differentiable: [0], opset });
      await checkGradient({
        opType: "Pad",
        attributes: { mode: "constant" },
        inputs: [random.tensor(dims), int64Tensor(pads), fill],
        differentiable: [0],
        opset,
      });
    }
  });

  it.each([
    ["reflect", [3, 5], [2, 1, 0, 3], 13],
    ["reflect", [1, 2, 4, 3], [0, 0, 2, 1, 0, 0, 1, 2], 13],
    ["edge", [3, 5], [2, 1, 0, 3], 13],
    ["edge", [1, 2, 4, 3], [0, 0, 2, 1, 0, 0, 1, 2], 13],
    ["wrap", [3, 4], [2, 1, 0, 3], 19],
  ] as [string, number[], number[], number][])("in the mode %s of %j by %j", async (mode, dims, pads, since) => {
    for (const opset of [...opsets, 19].filter((version) => version >= since)) {
      const inputs = [new TestRandom(2).tensor(dims), int64Tensor(pads)];
      await checkGradient({ opType: "Pad", attributes: { mode }, inputs, differentiable: [0], opset });
    }
  });

  it("of named axes", async () => {
    const x = new TestRandom(3).tensor([2, 3, 4]);
    for (const mode of ["constant", "reflect"]) {
      const inputs = [x, int64Tensor([1, 2, 0, 1]), undefined, int64Tensor([-1, 1])];
      await checkGradient({ opType: "Pad", attributes: { mode }, inputs, differentiable: [0], opset: 18 });
    }
  });

  it("does not reach the fill value", async () => {
    const check = { opType: "Pad", inputs: [new TestRandom(4).tensor([2]), int64Tensor([1, 1]), fill], differentiable: [0, 2] };
    await expect(checkGradient(check)).rejects.toThrow("The gradient of Pad does not reach its fill value");
  });
});
