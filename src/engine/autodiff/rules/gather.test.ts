import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

const cases: [number[], number, number[], number[]][] = [
  // dims, axis, indices, shape of the indices
  [[4, 3], 0, [2, 0, 3, 1], [4]],
  [[4, 3], 0, [2, -4], [2]],
  [[4, 3], 1, [0, 0, 2, 0], [4]],
  [[2, 4, 3], 1, [1, 1, 3, 1, -1], [5]],
  [[2, 4, 3], -2, [3, 0], [2]],
  [[2, 4, 3], 1, [0, 1, 2, 2], [2, 2]],
  [[2, 4, 3], 2, [0, 1, 2, 2], [2, 2]],
  [[2, 4, 3], 1, [2], []],
  [[5], 0, [3], []],
];

describe("gradient of Gather", () => {
  it.each(cases)("of %j along axis %d with %j as %j", async (dims, axis, indices, shape) => {
    const random = new TestRandom(1);
    for (const opset of [13, 17, 21, 25]) {
      const inputs = [random.tensor(dims), int64Tensor(indices, shape)];
      await checkGradient({ opType: "Gather", attributes: { axis }, inputs, differentiable: [0], opset });
    }
  });

  it("with 32-bit indices, and without an axis", async () => {
    const indices: Tensor = { type: "int32", dims: [3], data: Int32Array.of(1, 0, 1) };
    await checkGradient({ opType: "Gather", inputs: [new TestRandom(2).tensor([2, 3]), indices], differentiable: [0] });
  });
});
