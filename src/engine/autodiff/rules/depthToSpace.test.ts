import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";

describe("gradient of DepthToSpace", () => {
  it.each(["DCR", "CRD", undefined])("in the mode %s", async (mode) => {
    for (const [i, opset] of [13, 17, 21, 25].entries()) {
      const random = new TestRandom(6 + i);
      for (const [blocksize, channels] of [
        [2, 8],
        [3, 9],
        [1, 2],
      ] as const) {
        const inputs = [random.tensor([2, channels, 2, 3])];
        await checkGradient({ opType: "DepthToSpace", attributes: { blocksize, mode }, inputs, differentiable: [0], opset });
      }
    }
  });
});
