import { expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import type { Tensor } from "../../onnx/tensor.ts";

const ratio: Tensor = { type: "double", dims: [], data: Float64Array.of(0.5) };

function flag(on: boolean): Tensor {
  return { type: "bool", dims: [], data: Uint8Array.of(on ? 1 : 0) };
}

it("differentiates Dropout at inference", async () => {
  const x = new TestRandom(1).tensor([2, 3]);
  for (const opset of [13, 17, 21, 25]) {
    for (const inputs of [[x], [x, ratio], [x, ratio, flag(false)], [x, undefined, flag(false)]]) {
      await checkGradient({ opType: "Dropout", inputs, differentiable: [0], opset });
    }
    await checkGradient({ opType: "Dropout", inputs: [x], differentiable: [0], outputs: 2, opset });
  }
});

it("refuses Dropout in training mode", async () => {
  const check = { opType: "Dropout", inputs: [new TestRandom(2).tensor([3]), ratio, flag(true)], differentiable: [0] };
  await expect(checkGradient(check)).rejects.toThrow("The gradient of Dropout needs its training mode to be off");
});
