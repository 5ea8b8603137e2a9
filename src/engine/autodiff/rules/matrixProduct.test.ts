import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { float } from "../../graph/attributes.ts";

describe("Gemm", () => {
  it.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])("transA %i, transB %i", async (transA, transB) => {
    const random = new TestRandom(3);
    await checkGradient({
      opType: "Gemm",
      attributes: { transA, transB, alpha: float(0.5), beta: float(1.5) },
      inputs: [random.tensor(transA ? [4, 3] : [3, 4]), random.tensor(transB ? [5, 4] : [4, 5]), random.tensor([5])],
      differentiable: [0, 1, 2],
    });
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
      [2, 3, 4],
      [4, 5],
    ],
    [[4], [4, 3]],
    [[2, 3, 4], [4]],
    [[4], [4]],
  ];
  it.each(shapes)("%j by %j", async (left, right) => {
    const random = new TestRandom(left.length + right.length);
    await checkGradient({ opType: "MatMul", inputs: [random.tensor(left), random.tensor(right)], differentiable: [0, 1] });
  });
});
