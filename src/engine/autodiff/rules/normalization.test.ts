import { describe, it } from "vitest";
import { checkGradient, type DoubleTensor, type ReferenceForward } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { type AttributeValue, float } from "../../graph/attributes.ts";
import { sizeOf } from "../../onnx/tensor.ts";

/** Normalizes every `length` elements in a row; scale and bias of an element are at `parameter` of its index. */
function normalization(length: number, epsilon: number, parameter: (index: number) => number): ReferenceForward {
  return ([x, scale, bias]) => {
    const { dims, data } = x as DoubleTensor;
    const y = data.map((value, i) => {
      const row = data.subarray(Math.floor(i / length) * length, (Math.floor(i / length) + 1) * length);
      const mean = row.reduce((sum, element) => sum + element, 0) / length;
      const variance = row.reduce((sum, element) => sum + (element - mean) ** 2, 0) / length;
      const at = parameter(i);
      const shift = bias ? (bias as DoubleTensor).data[at % bias.data.length]! : 0;
      return ((value - mean) / Math.sqrt(variance + epsilon)) * (scale as DoubleTensor).data[at % scale!.data.length]! + shift;
    });
    return { type: "double", dims, data: y };
  };
}

describe("gradient of LayerNormalization", () => {
  it.each([
    [[3, 5], { axis: -1 }, 1],
    [[2, 3, 4], {}, 1],
    [[2, 3, 4], { axis: 1, epsilon: float(0.01) }, 2],
    [[2, 2, 3, 2], { axis: 2 }, 2],
  ] as [number[], Record<string, AttributeValue>, number][])("of %j with %j", async (dims, attributes, axes) => {
    const normalized = dims.slice(-axes);
    const length = sizeOf(normalized);
    const reference = normalization(length, attributes.epsilon ? 0.01 : 1e-5, (index) => index % length);
    for (const opset of [17, 21, 25]) {
      const random = new TestRandom(opset);
      const inputs = [random.tensor(dims), random.tensor(normalized), random.tensor(normalized)];
      const check = { opType: "LayerNormalization", attributes, opset, reference };
      await checkGradient({ ...check, inputs, differentiable: [0, 1, 2] });
      await checkGradient({ ...check, inputs: inputs.slice(0, 2), differentiable: [0, 1] });
      for (const position of [0, 1, 2]) await checkGradient({ ...check, inputs, differentiable: [position] });
    }
  });

  it("with one scale for all elements", async () => {
    const random = new TestRandom(5);
    const inputs = [random.tensor([2, 3, 4]), random.tensor([1]), random.tensor([4])];
    await checkGradient({ opType: "LayerNormalization", inputs, differentiable: [0, 1, 2], reference: normalization(4, 1e-5, (index) => index % 4) });
  });
});

describe("gradient of InstanceNormalization", () => {
  it.each([[[2, 3, 4, 5]], [[2, 2, 6]], [[1, 2, 2, 2, 3]]])("of %j", async (dims) => {
    const length = sizeOf(dims.slice(2));
    const channels = dims[1]!;
    const reference = normalization(length, 1e-5, (index) => Math.floor(index / length) % channels);
    for (const opset of [13, 17, 21, 25]) {
      const random = new TestRandom(opset);
      const inputs = [random.tensor(dims), random.tensor([channels]), random.tensor([channels])];
      await checkGradient({ opType: "InstanceNormalization", inputs, differentiable: [0, 1, 2], opset, reference });
    }
  });
});
