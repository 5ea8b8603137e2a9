import { it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { sizeOf, type Tensor } from "../../onnx/tensor.ts";

it.each([
  [
    [2, 3],
    [2, 3],
    [2, 3],
  ],
  [[3], [2, 3], [1]],
  [[2, 1], [1, 3], []],
  [[2, 2, 3], [3], [2, 1]],
])("differentiates Where of %j, %j and %j", async (condition, a, b) => {
  const random = new TestRandom(1);
  const flags: Tensor = { type: "bool", dims: condition, data: Uint8Array.from({ length: sizeOf(condition) }, () => random.integer(0, 1)) };
  for (const opset of [13, 17, 21, 25]) {
    for (const differentiable of [[1, 2], [1], [2]]) {
      await checkGradient({ opType: "Where", inputs: [flags, random.tensor(a), random.tensor(b)], differentiable, opset });
    }
  }
});
