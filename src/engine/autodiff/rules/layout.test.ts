import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor } from "../../onnx/tensor.ts";

const opsets = [13, 17, 21, 25];
const random = new TestRandom(1);

describe("gradients of operators that move elements", () => {
  it.each([[[3, 8]], [[-1]], [[0, -1, 2]], [[2, 3, 4]]])("Reshape to %j", async (shape) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "Reshape", inputs: [random.tensor([2, 3, 4]), int64Tensor(shape)], differentiable: [0], opset });
    }
  });

  it.each([undefined, 0, 1, 2, 3, -1])("Flatten at axis %s", async (axis) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "Flatten", attributes: { axis }, inputs: [random.tensor([2, 3, 4])], differentiable: [0], opset });
    }
  });

  it.each([[[1]], [[-1, 1]], [undefined]])("Squeeze of axes %j", async (axes) => {
    const x = random.tensor([2, 1, 3, 1]);
    for (const opset of opsets) {
      await checkGradient({ opType: "Squeeze", inputs: [x, axes && int64Tensor(axes)], differentiable: [0], opset });
    }
    await checkGradient({ opType: "Squeeze", attributes: { axes }, inputs: [x], differentiable: [0], opset: 12 });
  });

  it.each([[[0]], [[1, -1]]])("Unsqueeze of axes %j", async (axes) => {
    const x = random.tensor([2, 3]);
    for (const opset of opsets) {
      await checkGradient({ opType: "Unsqueeze", inputs: [x, int64Tensor(axes)], differentiable: [0], opset });
    }
    await checkGradient({ opType: "Unsqueeze", attributes: { axes }, inputs: [x], differentiable: [0], opset: 12 });
  });

  it.each([[undefined], [[2, 0, 1]], [[0, 2, 1]], [[1, 2, 0]]])("Transpose by %j", async (perm) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "Transpose", attributes: { perm }, inputs: [random.tensor([2, 3, 4])], differentiable: [0], opset });
    }
  });

  it.each([
    [
      [3, 1],
      [2, 3, 4],
    ],
    [[1], [5]],
    [
      [2, 3],
      [1, 1],
    ],
    [[], [2, 2]],
    [
      [1, 3, 1],
      [3, 4],
    ],
  ])("Expand of %j to %j", async (dims, shape) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "Expand", inputs: [random.tensor(dims), int64Tensor(shape)], differentiable: [0], opset });
    }
  });

  it.each([
    [
      [2, 3],
      [2, 2],
    ],
    [
      [2, 1, 3],
      [1, 4, 2],
    ],
    [[4], [3]],
    [
      [2, 3],
      [1, 1],
    ],
    [
      [2, 3, 2],
      [3, 1, 2],
    ],
  ])("Tile of %j by %j", async (dims, repeats) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "Tile", inputs: [random.tensor(dims), int64Tensor(repeats)], differentiable: [0], opset });
    }
  });

  it.each([
    [[1, 2, 4, 6], 2],
    [[2, 3, 3, 3], 3],
    [[2, 1, 2, 2], 1],
  ] as [number[], number][])("SpaceToDepth of %j by %d", async (dims, blocksize) => {
    for (const opset of opsets) {
      await checkGradient({ opType: "SpaceToDepth", attributes: { blocksize }, inputs: [random.tensor(dims)], differentiable: [0], opset });
    }
  });
});
