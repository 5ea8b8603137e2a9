import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { float } from "../../graph/attributes.ts";

const opsets = [13, 17, 21, 25];

function inputsFor(random: TestRandom, dims: number[]) {
  const channels = [dims[1]!];
  return [random.tensor(dims), random.tensor(channels), random.tensor(channels), random.tensor(channels), random.tensor(channels, 0.3, 2)];
}

describe("gradient of BatchNormalization", () => {
  it.each([[[2, 3, 2, 4]], [[4, 3]], [[2, 3, 5]], [[2, 2, 2, 1, 3]]])("of %j at inference", async (dims) => {
    const random = new TestRandom(4);
    for (const [i, opset] of opsets.entries()) {
      const attributes = { epsilon: i % 2 ? float(0.01) : undefined };
      const inputs = inputsFor(random, dims);
      await checkGradient({ opType: "BatchNormalization", attributes, inputs, differentiable: [0, 1, 2], opset });
      for (const position of [0, 1, 2]) {
        await checkGradient({ opType: "BatchNormalization", attributes, inputs, differentiable: [position], opset });
      }
    }
  });

  it("does not reach the statistics", async () => {
    const inputs = inputsFor(new TestRandom(5), [2, 3, 4]);
    await expect(checkGradient({ opType: "BatchNormalization", inputs, differentiable: [0, 3] })).rejects.toThrow(
      "The gradient of BatchNormalization does not reach its mean and variance",
    );
  });
});
