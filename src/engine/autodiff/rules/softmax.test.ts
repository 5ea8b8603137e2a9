import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";

describe.each(["Softmax", "LogSoftmax"])("gradient of %s", (opType) => {
  it.each([undefined, 0, 1, 2, -1, -2])("along axis %s", async (axis) => {
    const random = new TestRandom(1);
    for (const opset of [13, 17, 21, 25]) {
      await checkGradient({ opType, attributes: { axis }, inputs: [random.tensor([2, 3, 4])], differentiable: [0], opset });
    }
  });

  it("is refused before opset 13, where the operator meant another thing", async () => {
    const check = { opType, inputs: [new TestRandom(2).tensor([2, 3])], differentiable: [0], opset: 12 };
    await expect(checkGradient(check)).rejects.toThrow(`The gradient of ${opType} needs operator set 13 or later`);
  });
});
