import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { conv, convTranspose } from "../../../../test/support/reference/windows.ts";
import type { SlidingWindow } from "../slidingWindow.ts";

interface Case {
  title: string;
  batch?: number;
  channels: [number, number];
  groups?: number;
  input: number[];
  kernel: number[];
  strides?: number[];
  dilations?: number[];
  pads?: number[];
  outputPadding?: number[];
  bias?: boolean;
  opset?: number;
}

const cases: Case[] = [
  { title: "3x3 with padding", channels: [3, 4], input: [6, 5], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { title: "many channels, few positions", channels: [2, 10], input: [3, 3], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { title: "1x1", channels: [4, 6], input: [5, 3], kernel: [1, 1] },
  { title: "1x1 with stride", channels: [4, 6], input: [5, 6], kernel: [1, 1], strides: [2, 2] },
  { title: "stride 2 with a remainder", channels: [2, 3], input: [8, 7], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { title: "stride 3, kernel 2, rows that nothing reads", channels: [2, 2], input: [8, 9], kernel: [2, 2], strides: [3, 3] },
  { title: "asymmetric pads", channels: [2, 3], input: [5, 6], kernel: [3, 2], pads: [0, 1, 2, 0] },
  { title: "pads wider than the kernel", channels: [2, 2], input: [4, 4], kernel: [2, 2], pads: [2, 2, 2, 2] },
  { title: "dilation 2", channels: [2, 3], input: [7, 8], kernel: [3, 3], dilations: [2, 2], pads: [2, 2, 2, 2] },
  { title: "stride and dilation", channels: [2, 3], input: [9, 8], kernel: [3, 2], strides: [2, 1], dilations: [2, 3], pads: [1, 1, 2, 1] },
  { title: "two groups", channels: [4, 6], groups: 2, input: [5, 5], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { title: "depthwise", channels: [4, 4], groups: 4, input: [5, 6], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { title: "depthwise with stride", channels: [3, 3], groups: 3, input: [7, 6], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { title: "depthwise multiplier 2", channels: [3, 6], groups: 3, input: [5, 5], kernel: [3, 3] },
  { title: "flat kernels", channels: [2, 3], input: [5, 6], kernel: [1, 3], pads: [0, 1, 0, 1], opset: 21 },
  { title: "upright kernels", channels: [2, 3], input: [5, 6], kernel: [3, 1], pads: [1, 0, 1, 0], opset: 13 },
  { title: "one axis", channels: [2, 3], input: [9], kernel: [4], strides: [2], pads: [1, 2] },
  { title: "three axes", channels: [2, 2], input: [4, 3, 4], kernel: [2, 2, 3], strides: [1, 1, 2], pads: [0, 1, 1, 0, 1, 1] },
  { title: "with bias", channels: [2, 3], input: [4, 4], kernel: [3, 3], bias: true },
];

const transposedCases: Case[] = [
  { title: "2x2 stride 2", channels: [3, 2], input: [3, 4], kernel: [2, 2], strides: [2, 2] },
  {
    title: "3x3 stride 2 with output padding",
    channels: [2, 3],
    input: [3, 4],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    outputPadding: [1, 1],
  },
  { title: "dilation and asymmetric pads", channels: [2, 2], input: [4, 4], kernel: [2, 3], dilations: [2, 1], pads: [1, 0, 0, 1] },
  { title: "groups", channels: [4, 6], groups: 2, input: [3, 3], kernel: [3, 3], strides: [2, 2] },
  { title: "depthwise with bias", channels: [3, 3], groups: 3, input: [4, 4], kernel: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1], bias: true },
];

function attributesOf({ kernel, strides, dilations, pads, groups = 1, outputPadding }: Case) {
  return { kernel_shape: kernel, strides, dilations, pads, group: groups, output_padding: outputPadding };
}

function geometry({ kernel, input, ...rest }: Case) {
  const ones = kernel.map(() => 1);
  const strides = rest.strides ?? ones;
  const dilations = rest.dilations ?? ones;
  const pads = rest.pads ?? [...kernel, ...kernel].map(() => 0);
  const before = pads.slice(0, kernel.length);
  const after = pads.slice(kernel.length);
  const extents = kernel.map((length, axis) => (length - 1) * dilations[axis]! + 1);
  return { kernel, strides, dilations, before, after, extents, read: input };
}

function convWindow(test: Case): SlidingWindow {
  const { read, extents, ...window } = geometry(test);
  const output = read.map(
    (length, axis) => Math.floor((length + window.before[axis]! + window.after[axis]! - extents[axis]!) / window.strides[axis]!) + 1,
  );
  return { ...window, input: read, output };
}

/** The window of a ConvTranspose slides over what it writes. */
function transposedWindow(test: Case): SlidingWindow {
  const { read, extents, ...window } = geometry(test);
  const written = read.map(
    (length, axis) =>
      (length - 1) * window.strides[axis]! + extents[axis]! - window.before[axis]! - window.after[axis]! + (test.outputPadding?.[axis] ?? 0),
  );
  return { ...window, input: written, output: read };
}

describe("Conv", () => {
  it.each(cases)("$title", async (test) => {
    const random = new TestRandom(test.title.length);
    const { batch = 2, groups = 1, bias } = test;
    const [inputs, outputs] = test.channels;
    const tensors = [
      random.tensor([batch, inputs, ...test.input]),
      random.tensor([outputs, inputs / groups, ...test.kernel]),
      bias ? random.tensor([outputs]) : undefined,
    ];
    await checkGradient({
      opType: "Conv",
      attributes: attributesOf(test),
      inputs: tensors,
      differentiable: bias ? [0, 1, 2] : [0, 1],
      opset: test.opset,
      reference: ([x, w, b]) => conv(x!, w!, b, groups, convWindow(test)),
    });
  });

  it.each(["SAME_UPPER", "SAME_LOWER"])("auto_pad %s", async (autoPad) => {
    const random = new TestRandom(11);
    const lower = autoPad === "SAME_LOWER";
    const window = {
      kernel: [3, 2],
      strides: [2, 1],
      dilations: [1, 1],
      before: lower ? [1, 1] : [0, 0],
      after: lower ? [0, 0] : [1, 1],
      input: [6, 5],
      output: [3, 5],
    };
    await checkGradient({
      opType: "Conv",
      attributes: { kernel_shape: window.kernel, strides: window.strides, auto_pad: autoPad },
      inputs: [random.tensor([2, 2, 6, 5]), random.tensor([3, 2, 3, 2])],
      differentiable: [0, 1],
      reference: ([x, w]) => conv(x!, w!, undefined, 1, window),
    });
  });
});

describe("ConvTranspose", () => {
  it.each(transposedCases)("$title", async (test) => {
    const random = new TestRandom(test.title.length);
    const { groups = 1, bias } = test;
    const [inputs, outputs] = test.channels;
    const tensors = [
      random.tensor([2, inputs, ...test.input]),
      random.tensor([inputs, outputs / groups, ...test.kernel]),
      bias ? random.tensor([outputs]) : undefined,
    ];
    await checkGradient({
      opType: "ConvTranspose",
      attributes: attributesOf(test),
      inputs: tensors,
      differentiable: bias ? [0, 1, 2] : [0, 1],
      reference: ([x, w, b]) => {
        const y = convTranspose(x!, w!, groups, transposedWindow(test));
        if (!b) return y;
        const plane = y.data.length / (y.dims[0]! * y.dims[1]!);
        return { ...y, data: y.data.map((value, i) => value + Number(b.data[Math.floor(i / plane) % y.dims[1]!])) };
      },
    });
  });
});
