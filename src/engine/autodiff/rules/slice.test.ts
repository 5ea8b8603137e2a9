import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

interface SliceCase {
  dims: number[];
  starts: number[];
  ends: number[];
  axes?: number[];
  steps?: number[];
}

const cases: SliceCase[] = [
  { dims: [4, 5], starts: [1, 2], ends: [3, 5] },
  { dims: [4, 5], starts: [0], ends: [2] },
  { dims: [4, 5], starts: [-3], ends: [-1], axes: [-1] },
  { dims: [4, 5], starts: [1], ends: [1000], axes: [0] },
  { dims: [4, 5], starts: [0, 0], ends: [4, 5], axes: [1, 0] },
  { dims: [2, 3, 7], starts: [0], ends: [7], axes: [2], steps: [2] },
  { dims: [2, 3, 7], starts: [1], ends: [7], axes: [2], steps: [3] },
  { dims: [2, 7, 3], starts: [1], ends: [7], axes: [1], steps: [2] },
  { dims: [1, 2, 4, 6], starts: [1, 0], ends: [1000, 1000], axes: [2, 3], steps: [2, 2] },
  { dims: [6], starts: [-1], ends: [-1000], steps: [-1] },
  { dims: [6, 2], starts: [1000], ends: [1], axes: [0], steps: [-2] },
  { dims: [3, 6], starts: [1, 4], ends: [3, 0], axes: [0, 1], steps: [1, -2] },
  { dims: [3, 6], starts: [0, 5], ends: [3, -1000], axes: [0, 1], steps: [2, -1] },
  // The last axis but for ones, and one that is too long for a matrix.
  { dims: [2, 5, 1], starts: [0], ends: [5], axes: [1], steps: [2] },
  { dims: [600], starts: [3], ends: [600], axes: [0], steps: [40] },
];

describe("gradient of Slice", () => {
  it.each(cases)("$dims from $starts to $ends, axes $axes, steps $steps", async ({ dims, starts, ends, axes, steps }) => {
    const given = [starts, ends, axes, steps].map((values) => values && int64Tensor(values));
    while (given.at(-1) === undefined) given.pop();
    for (const opset of dims[0] === 600 ? [17] : [13, 17, 21, 25]) {
      await checkGradient({ opType: "Slice", inputs: [new TestRandom(1).tensor(dims), ...given], differentiable: [0], opset });
    }
  });

  it("reads 32-bit bounds, and the largest integers as the end", async () => {
    const bounds = (value: number): Tensor => ({ type: "int32", dims: [1], data: Int32Array.of(value) });
    await checkGradient({ opType: "Slice", inputs: [new TestRandom(2).tensor([5]), bounds(1), bounds(3)], differentiable: [0] });
    const largest: Tensor = { type: "int64", dims: [1], data: BigInt64Array.of(2n ** 63n - 1n) };
    await checkGradient({ opType: "Slice", inputs: [new TestRandom(2).tensor([5]), int64Tensor([2]), largest], differentiable: [0] });
  });
});
