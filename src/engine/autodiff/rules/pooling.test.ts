import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { averagePool, conv, maxPool } from "../../../../test/support/reference/windows.ts";
import type { Tensor } from "../../onnx/tensor.ts";
import type { SlidingWindow } from "../slidingWindow.ts";

interface Case {
  title: string;
  input: number[];
  kernel: number[];
  strides: number[];
  pads?: number[];
  dilations?: number[];
  ceil?: boolean;
}

const cases: Case[] = [
  { title: "2x2 without overlap", input: [4, 6], kernel: [2, 2], strides: [2, 2] },
  { title: "3x3 stride 2 with padding", input: [7, 6], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { title: "overlapping, stride 1", input: [5, 5], kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { title: "ceil_mode", input: [6, 7], kernel: [3, 2], strides: [2, 2], ceil: true },
  { title: "strides wider than the kernel", input: [7, 7], kernel: [2, 2], strides: [3, 3] },
  { title: "one axis", input: [9], kernel: [3], strides: [2], pads: [1, 1] },
];

function windowOf({
  input,
  kernel,
  strides,
  pads = [...kernel, ...kernel].map(() => 0),
  dilations = kernel.map(() => 1),
  ceil,
}: Case): SlidingWindow {
  const before = pads.slice(0, kernel.length);
  const after = pads.slice(kernel.length);
  const round = ceil ? Math.ceil : Math.floor;
  const output = input.map(
    (length, axis) => round((length + before[axis]! + after[axis]! - (kernel[axis]! - 1) * dilations[axis]! - 1) / strides[axis]!) + 1,
  );
  return { kernel, strides, dilations, before, after, input, output };
}

const attributesOf = ({ kernel, strides, pads, dilations, ceil }: Case) => ({
  kernel_shape: kernel,
  strides,
  pads,
  dilations,
  ceil_mode: ceil ? 1 : 0,
});

/** Distinct values far enough apart that a finite difference changes no maximum. */
function distinct(dims: number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { type: "double", dims, data: Float64Array.from({ length: size }, (_, i) => ((i * 37) % size) / size) };
}

describe("MaxPool", () => {
  it.each(cases)("$title", async (test) => {
    await checkGradient({
      opType: "MaxPool",
      attributes: attributesOf(test),
      inputs: [distinct([2, 2, ...test.input])],
      differentiable: [0],
      reference: ([x]) => maxPool(x!, windowOf(test)),
    });
  });

  it("dilation 2", async () => {
    const test: Case = { title: "", input: [7, 7], kernel: [2, 2], strides: [1, 1], dilations: [2, 2] };
    await checkGradient({
      opType: "MaxPool",
      attributes: attributesOf(test),
      inputs: [distinct([1, 2, 7, 7])],
      differentiable: [0],
      opset: 21,
      reference: ([x]) => maxPool(x!, windowOf(test)),
    });
  });
});

describe("AveragePool", () => {
  it.each(cases.flatMap((test) => [0, 1].map((include) => ({ ...test, include }))))(
    "$title, count_include_pad $include",
    async ({ include, ...test }) => {
      const random = new TestRandom(5);
      await checkGradient({
        opType: "AveragePool",
        attributes: { ...attributesOf(test), dilations: undefined, count_include_pad: include },
        inputs: [random.tensor([2, 2, ...test.input])],
        differentiable: [0],
        reference: ([x]) => averagePool(x!, windowOf(test), include === 1),
      });
    },
  );
});

describe("GlobalAveragePool", () => {
  it.each([[[2, 3, 4, 5]], [[2, 3, 6]]])("%j", async (dims) => {
    const random = new TestRandom(5);
    const window = (x: Tensor): SlidingWindow => {
      const input = x.dims.slice(2);
      const none = input.map(() => 0);
      return { kernel: input, strides: input, dilations: input.map(() => 1), before: none, after: none, input, output: input.map(() => 1) };
    };
    await checkGradient({
      opType: "GlobalAveragePool",
      inputs: [random.tensor(dims)],
      differentiable: [0],
      reference: ([x]) => averagePool(x!, window(x!), false),
    });
  });
});

// Keeps the reference of convolutions honest where pooling uses the same windows.
describe("the reference", () => {
  it("adds up a window", () => {
    const ones: Tensor = { type: "double", dims: [1, 1, 3], data: Float64Array.of(1, 2, 3) };
    const kernel: Tensor = { type: "double", dims: [1, 1, 2], data: Float64Array.of(1, 10) };
    const { data } = conv(ones, kernel, undefined, 1, {
      kernel: [2],
      strides: [1],
      dilations: [1],
      before: [0],
      after: [0],
      input: [3],
      output: [2],
    });
    if (data[0] !== 21 || data[1] !== 32) throw new Error(`got ${data}`);
  });
});
