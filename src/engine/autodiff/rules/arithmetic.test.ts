import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { broadcasting } from "../../../../test/support/reference/elementwise.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

const opsets = [13, 17, 21, 25];
const pairs: [number[], number[]][] = [
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

const mean = broadcasting((...values) => values.reduce((sum, value) => sum + value) / values.length);

describe("gradients of arithmetic operators", () => {
  describe.each(["Add", "Sub", "Mul", "Sum"])("%s", (opType) => {
    it.each(pairs)("of %j and %j", async (a, b) => {
      const random = new TestRandom(1);
      for (const opset of opsets) {
        await checkGradient({ opType, inputs: [random.tensor(a), random.tensor(b)], differentiable: [0, 1], opset });
      }
    });
  });

  it.each(pairs)("Div of %j and %j", async (a, b) => {
    const random = new TestRandom(2);
    for (const opset of opsets) {
      const inputs = [random.tensor(a), random.tensorAwayFrom([0], b, -2, 2, 0.3)];
      await checkGradient({ opType: "Div", inputs, differentiable: [0, 1], opset });
    }
  });

  it("is computed towards one operand alone", async () => {
    const random = new TestRandom(3);
    for (const opType of ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"]) {
      for (const position of [0, 1]) {
        const inputs = [random.distinctTensor([2, 3]), random.tensor([3], 0.51, 0.54)];
        await checkGradient({ opType, inputs, differentiable: [position], step: 1e-6 });
      }
    }
  });

  it.each(pairs)("Mean of %j and %j", async (a, b) => {
    const random = new TestRandom(9);
    for (const opset of opsets) {
      const inputs = [random.tensor(a), random.tensor(b)];
      await checkGradient({ opType: "Mean", inputs, differentiable: [0, 1], opset, reference: mean });
    }
  });

  it("Sum and Mean of one and of three operands", async () => {
    const random = new TestRandom(4);
    for (const [opType, reference] of [
      ["Sum", undefined],
      ["Mean", mean],
    ] as const) {
      const three = [random.tensor([3, 2]), random.tensor([2]), random.tensor([3, 1])];
      await checkGradient({ opType, inputs: [random.tensor([3, 2])], differentiable: [0], reference });
      await checkGradient({ opType, inputs: three, differentiable: [0, 1, 2], reference });
      await checkGradient({ opType, inputs: three, differentiable: [0, 2], reference });
    }
  });

  it.each(["Max", "Min"])("%s", async (opType) => {
    const random = new TestRandom(5);
    for (const opset of opsets) {
      // Drawn from one set of distinct numbers, so that no two operands are near each other.
      const all = random.distinctTensor([12]).data;
      const a: Tensor = { type: "double", dims: [2, 3], data: all.slice(0, 6) };
      const b: Tensor = { type: "double", dims: [3], data: all.slice(6, 9) };
      const c: Tensor = { type: "double", dims: [2, 1], data: all.slice(9, 11) };
      await checkGradient({ opType, inputs: [a, b], differentiable: [0, 1], opset });
      await checkGradient({ opType, inputs: [a, b, c], differentiable: [0, 1, 2], opset });
    }
  });

  it("Max of equal operands gives the gradient once", async () => {
    const values: Tensor = { type: "double", dims: [3], data: Float64Array.of(1, 2, 3) };
    const other: Tensor = { type: "double", dims: [3], data: Float64Array.of(1, 5, 0) };
    const cotangent: Tensor = { type: "double", dims: [3], data: Float64Array.of(10, 20, 30) };
    const gradients = await operatorGradients({ opType: "Max", inputs: [values, other], differentiable: [0, 1] }, [cotangent]);
    expect(gradients.map((gradient) => [...(gradient!.data as Float64Array)])).toEqual([
      [10, 0, 30],
      [0, 20, 0],
    ]);
  });

  it.each([2, 3, 0.5, -1, 1, 0, 2.7])("Pow with the exponent %d", async (exponent) => {
    const random = new TestRandom(6);
    for (const opset of opsets) {
      for (const dims of [[], [1]]) {
        const power: Tensor = { type: "double", dims, data: Float64Array.of(exponent) };
        await checkGradient({ opType: "Pow", inputs: [random.tensor([3, 4], 0.3, 2), power], differentiable: [0], opset });
      }
    }
  });

  it("Pow with whole exponents of negative numbers, exponents per column, and integer exponents", async () => {
    const random = new TestRandom(7);
    const base = random.tensorAwayFrom([0], [2, 3], -2, 2, 0.2);
    await checkGradient({ opType: "Pow", inputs: [base, { type: "double", dims: [3], data: Float64Array.of(1, 2, 3) }], differentiable: [0] });
    await checkGradient({ opType: "Pow", inputs: [base, int64Tensor([2], [])], differentiable: [0] });
    await checkGradient({ opType: "Pow", inputs: [base, int64Tensor([3], [])], differentiable: [0] });
    // A base that broadcasts to the exponent's shape.
    await checkGradient({ opType: "Pow", inputs: [random.tensor([1], 0.5, 1), random.tensor([4, 3])], differentiable: [0] });
    await checkGradient({
      opType: "Pow",
      inputs: [random.tensor([3], 0.5, 1), { type: "double", dims: [1, 1], data: Float64Array.of(2) }],
      differentiable: [0],
    });
  });

  it("Pow refuses to differentiate its exponent", async () => {
    const random = new TestRandom(8);
    const check = { opType: "Pow", inputs: [random.tensor([2], 1, 2), random.tensor([2])], differentiable: [0, 1] };
    await expect(checkGradient(check)).rejects.toThrow("The gradient of Pow reaches its base, but not its exponent");
  });
});
