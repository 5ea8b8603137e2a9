import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";

describe("gradients of arithmetic operators", () => {
  const shapes: [number[], number[]][] = [
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [[4], [2, 3, 4]],
    [
      [1, 3, 1],
      [2, 1, 4],
    ],
    [[], [2, 2]],
    [[2, 1], [1]],
  ];
  for (const opType of ["Add", "Sub", "Mul"]) {
    it.each(shapes)(`${opType} of %j and %j`, async (a, b) => {
      const random = new TestRandom(1);
      for (const opset of [13, 17, 21]) {
        await checkGradient({ opType, inputs: [random.tensor(a), random.tensor(b)], differentiable: [0, 1], opset });
      }
    });
  }
});
