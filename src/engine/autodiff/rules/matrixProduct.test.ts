import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { float } from "../../graph/attributes.ts";

const opsets = [13, 17, 21, 25];

describe("Gemm", () => {
  it.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])("transA %i, transB %i", async (transA, transB) => {
    const random = new TestRandom(3);
    for (const [i, c] of [[5], [3, 5], [3, 1], [1], [], undefined].entries()) {
      const inputs = [random.tensor(transA ? [4, 3] : [3, 4]), random.tensor(transB ? [5, 4] : [4, 5]), c && random.tensor(c)];
      const attributes = { transA, transB, alpha: float(0.5), beta: float(1.5) };
      await checkGradient({ opType: "Gemm", attributes, inputs, differentiable: c ? [0, 1, 2] : [0, 1], opset: opsets[i % 4] });
    }
  });
});

describe("MatMul", () => {
  const shapes: [number[], number[]][] = [
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
    [
      [3, 4],
      [2, 2, 4, 3],
    ],
    [
      [1, 3, 4],
      [2, 4, 3],
    ],
    [
      [2, 3, 4],
      [1, 4, 3],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 2, 3, 4],
      [4, 1],
    ],
    [[4], [4, 3]],
    [[4], [2, 4, 3]],
    [[2, 3, 4], [4]],
    [[3, 4], [4]],
    [[4], [4]],
  ];
  it.each(shapes)("%j by %j", async (left, right) => {
    const random = new TestRandom(left.length + right.length);
    for (const opset of opsets) {
      await checkGradient({ opType: "MatMul", inputs: [random.tensor(left), random.tensor(right)], differentiable: [0, 1], opset });
    }
  });

  it("towards one operand alone", async () => {
    const random = new TestRandom(8);
    for (const [left, right] of shapes) {
      await checkGradient({ opType: "MatMul", inputs: [random.tensor(left), random.tensor(right)], differentiable: [0] });
      await checkGradient({ opType: "MatMul", inputs: [random.tensor(left), random.tensor(right)], differentiable: [1] });
    }
  });
});
