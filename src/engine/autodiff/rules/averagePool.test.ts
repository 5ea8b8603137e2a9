import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { type PoolCase, poolAttributes, poolCases, poolWindow, randomPool } from "../../../../test/support/reference/pools.ts";
import { averagePool } from "../../../../test/support/reference/windows.ts";
import type { SlidingWindow } from "../slidingWindow.ts";

const opsets = [13, 17, 21, 25];

async function checkAveragePool(pool: PoolCase, include: number, opset: number | undefined): Promise<void> {
  const random = new TestRandom(5);
  await checkGradient({
    opType: "AveragePool",
    attributes: { ...poolAttributes(pool), count_include_pad: include },
    inputs: [random.tensor([2, 2, ...pool.input])],
    differentiable: [0],
    opset,
    reference: ([x]) => averagePool(x!, poolWindow(pool), include === 1),
  });
}

describe("gradient of AveragePool", () => {
  it.each(poolCases)("$title", async (pool) => {
    for (const [i, opset] of opsets.entries()) await checkAveragePool(pool, i % 2, opset);
    for (const [i, opset] of opsets.entries()) await checkAveragePool(pool, (i + 1) % 2, opset);
  });

  it("with dilation", async () => {
    const pool: PoolCase = { title: "", input: [7, 8], kernel: [2, 3], strides: [1, 2], dilations: [2, 2], pads: [1, 1, 1, 1] };
    for (const include of [0, 1]) await checkAveragePool(pool, include, 21);
  });

  it("of random windows", async () => {
    const random = new TestRandom(31);
    for (let i = 0; i < 20; i++) await checkAveragePool(randomPool(random), i % 2, opsets[i % 4]);
  });

  it.each(["SAME_UPPER", "SAME_LOWER", "VALID"])("auto_pad %s", async (autoPad) => {
    const pads = { SAME_UPPER: [0, 1, 1, 1], SAME_LOWER: [1, 1, 0, 1], VALID: [0, 0, 0, 0] }[autoPad]!;
    const pool: PoolCase = { title: "", input: [5, 6], kernel: [2, 3], strides: [1, 1], pads };
    for (const include of [0, 1]) {
      await checkGradient({
        opType: "AveragePool",
        attributes: { ...poolAttributes(pool), pads: undefined, auto_pad: autoPad, count_include_pad: include },
        inputs: [new TestRandom(6).tensor([1, 2, 5, 6])],
        differentiable: [0],
        reference: ([x]) => averagePool(x!, poolWindow(pool), include === 1),
      });
    }
  });
});

describe("gradient of GlobalAveragePool", () => {
  it.each([[[2, 3, 4, 5]], [[2, 3, 6]], [[1, 2, 2, 3, 2]]])("%j", async (dims) => {
    const input = dims.slice(2);
    const none = input.map(() => 0);
    const ones = input.map(() => 1);
    const window: SlidingWindow = { kernel: input, strides: input, dilations: ones, before: none, after: none, input, output: ones };
    for (const opset of opsets) {
      await checkGradient({
        opType: "GlobalAveragePool",
        inputs: [new TestRandom(5).tensor(dims)],
        differentiable: [0],
        opset,
        reference: ([x]) => averagePool(x!, window, false),
      });
    }
  });
});
