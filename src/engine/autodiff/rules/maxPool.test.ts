import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { type PoolCase, poolAttributes, poolCases, poolWindow, randomPool } from "../../../../test/support/reference/pools.ts";
import { maxPool } from "../../../../test/support/reference/windows.ts";
import { floatTensor, type Tensor } from "../../onnx/tensor.ts";

const opsets = [13, 17, 21, 25];

/** In float, with a reference, and in double, where ONNX Runtime gives the differences. */
async function checkMaxPool(pool: PoolCase, opset: number, outputs = 1): Promise<void> {
  const check = {
    opType: "MaxPool",
    attributes: poolAttributes(pool),
    inputs: [new TestRandom(pool.input[0]!).distinctTensor([2, 2, ...pool.input])],
    differentiable: [0],
    outputs,
    opset,
  };
  await checkGradient({ ...check, reference: ([x]) => maxPool(x!, poolWindow(pool)) });
  await checkGradient(check);
}

describe("gradient of MaxPool", () => {
  it.each(poolCases)("$title", async (pool) => {
    for (const opset of opsets) await checkMaxPool(pool, opset);
  });

  it("with dilation", async () => {
    for (const opset of opsets) {
      await checkMaxPool({ title: "", input: [7, 8], kernel: [2, 3], strides: [1, 2], dilations: [2, 2], pads: [1, 1, 1, 1] }, opset);
      await checkMaxPool({ title: "", input: [6, 6], kernel: [2, 2], strides: [2, 2], dilations: [3, 2] }, opset);
    }
  });

  it("of random windows", async () => {
    const random = new TestRandom(41);
    for (let i = 0; i < 20; i++) await checkMaxPool(randomPool(random), opsets[i % 4]!);
  });

  it("uses the indices that the node gives", async () => {
    for (const opset of opsets) await checkMaxPool({ title: "", input: [5, 5], kernel: [3, 3], strides: [2, 2] }, opset, 2);
  });

  it.each(["SAME_UPPER", "SAME_LOWER"])("auto_pad %s", async (autoPad) => {
    const pads = autoPad === "SAME_UPPER" ? [0, 1, 1, 1] : [1, 1, 0, 1];
    const pool: PoolCase = { title: "", input: [5, 6], kernel: [2, 3], strides: [1, 1], pads };
    await checkGradient({
      opType: "MaxPool",
      attributes: { ...poolAttributes(pool), pads: undefined, auto_pad: autoPad },
      inputs: [new TestRandom(6).distinctTensor([1, 2, 5, 6])],
      differentiable: [0],
      reference: ([x]) => maxPool(x!, poolWindow(pool)),
    });
  });

  it("gives the gradient of equal maxima to the first, or shares it where float windows do not overlap", async () => {
    const attributes = { kernel_shape: [2], strides: [2] };
    const gradient = async (x: Tensor, dy: Tensor) => {
      const [dx] = await operatorGradients({ opType: "MaxPool", attributes, inputs: [x], differentiable: [0] }, [dy]);
      return [...(dx!.data as Float64Array)];
    };
    const x = [2, 2, 0, 1];
    const dy = [10, 7];
    const double = (values: number[]): Tensor => ({ type: "double", dims: [1, 1, values.length], data: Float64Array.from(values) });
    expect(await gradient(double(x), double(dy))).toEqual([10, 0, 0, 7]);
    expect(await gradient(floatTensor(x, [1, 1, 4]), floatTensor(dy, [1, 1, 2]))).toEqual([5, 5, 0, 7]);
  });
});
