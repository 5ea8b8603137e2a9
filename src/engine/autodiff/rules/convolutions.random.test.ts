/** @file Gradients of Conv and ConvTranspose of random shapes, and that every formula of the weight gradient is among what is checked. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { conv, convTranspose } from "../../../../test/support/reference/windows.ts";
import { type AttributeValue, makeAttributes } from "../../graph/attributes.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { NodeProtoSchema } from "../../onnx/onnx_pb.ts";
import { extentsOf, type SlidingWindow } from "../slidingWindow.ts";
import { convRule } from "./conv.ts";

interface Geometry {
  batch: number;
  group: number;
  inputs: number;
  outputs: number;
  /** The convolution's window: from what a Conv reads, or a ConvTranspose writes, to the other. */
  window: SlidingWindow;
}

/** `long` makes the first axis long enough for the formula that goes over all taps at once. */
function randomGeometry(random: TestRandom, long: boolean): Geometry {
  const rank = random.pick(long ? [1, 2] : [1, 2, 2, 2, 3]);
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const group = rank === 3 ? 1 : random.pick([1, 1, 2, 3]);
  const perGroup = () => (group === 3 ? random.pick([1, 1, 2]) : random.pick([1, 2, 2, 5]));
  const kernel = axes.map((axis) => (long && axis === 0 ? random.integer(2, 3) : random.pick(rank === 3 ? [1, 2] : [1, 2, 3, 4])));
  const dilations = axes.map((axis) => (long && axis === 0 ? 1 : random.pick([1, 1, 2])));
  const strides = axes.map((axis) => (long && axis === 0 ? 1 : random.integer(1, 3)));
  const before = axes.map(() => random.integer(0, 2));
  const after = axes.map(() => random.integer(0, 2));
  const extents = extentsOf({ kernel, dilations });
  const input = axes.map((axis) => (long && axis === 0 ? random.integer(22, 26) : extents[axis]! + random.integer(0, rank === 3 ? 1 : 3)));
  const output = axes.map((axis) => Math.floor((input[axis]! + before[axis]! + after[axis]! - extents[axis]!) / strides[axis]!) + 1);
  const window = { kernel, strides, dilations, before, after, input, output };
  return { batch: random.integer(1, rank === 3 ? 2 : 4), group, inputs: group * perGroup(), outputs: group * perGroup(), window };
}

function attributesOf({ group, window: { kernel, strides, dilations, before, after } }: Geometry) {
  return { kernel_shape: kernel, strides, dilations, pads: [...before, ...after], group };
}

const opsets = [13, 17, 21, 25];
const seeds = Array.from({ length: 48 }, (_, seed) => seed);

describe("gradients of random convolutions", () => {
  it.each(seeds)("Conv %d", async (seed) => {
    const random = new TestRandom(500 + seed);
    const geometry = randomGeometry(random, seed % 3 === 0);
    const { batch, group, inputs, outputs, window } = geometry;
    await checkGradient({
      opType: "Conv",
      attributes: attributesOf(geometry),
      inputs: [random.tensor([batch, inputs, ...window.input]), random.tensor([outputs, inputs / group, ...window.kernel]), random.tensor([outputs])],
      differentiable: [0, 1, 2],
      opset: opsets[seed % 4],
      reference: ([x, w, bias]) => conv(x!, w!, bias, group, window),
    });
  });

  it.each(seeds.slice(0, 32))("ConvTranspose %d", async (seed) => {
    const random = new TestRandom(600 + seed);
    const geometry = randomGeometry(random, seed % 3 === 0);
    const { batch, group, inputs, outputs, window } = geometry;
    const extents = extentsOf(window);
    // What the window does not reach at the end is output padding.
    const reached = window.output.map((length, axis) => (length - 1) * window.strides[axis]! + extents[axis]!);
    const outputPadding = window.input.map((length, axis) => length + window.before[axis]! + window.after[axis]! - reached[axis]!);
    await checkGradient({
      opType: "ConvTranspose",
      attributes: { ...attributesOf(geometry), output_padding: outputPadding },
      inputs: [random.tensor([batch, outputs, ...window.output]), random.tensor([outputs, inputs / group, ...window.kernel])],
      differentiable: [0, 1],
      opset: opsets[seed % 4],
      reference: ([x, w]) => convTranspose(x!, w!, group, window),
    });
  });
});

describe("gradient of ConvTranspose", () => {
  // What each gives for an input of 5, stride 2 and a kernel of 3, measured in ONNX Runtime: pads before, pads after, length.
  it.each([
    [{ auto_pad: "SAME_UPPER" }, 0, 1, 10],
    [{ auto_pad: "SAME_LOWER" }, 1, 0, 10],
    [{ auto_pad: "SAME_UPPER", output_padding: [1] }, 1, 0, 10],
    [{ auto_pad: "VALID" }, 0, 0, 11],
    [{ auto_pad: "VALID", output_padding: [1] }, 0, 0, 12],
    [{ output_shape: [10] }, 1, 0, 10],
    [{ output_shape: [9] }, 1, 1, 9],
    [{ output_shape: [12] }, 0, 0, 12],
    [{ output_shape: [10], auto_pad: "SAME_UPPER" }, 0, 1, 10],
    [{ output_shape: [10], pads: [1, 0] }, 1, 0, 10],
  ] as [Record<string, AttributeValue>, number, number, number][])("with %j", async (given, before, after, length) => {
    const random = new TestRandom(800);
    const window = { kernel: [3], strides: [2], dilations: [1], before: [before], after: [after], input: [length], output: [5] };
    await checkGradient({
      opType: "ConvTranspose",
      attributes: { kernel_shape: [3], strides: [2], ...given },
      inputs: [random.tensor([2, 2, 5]), random.tensor([2, 3, 3])],
      differentiable: [0, 1],
      reference: ([x, w]) => convTranspose(x!, w!, 1, window),
    });
  });
});

describe("the weight gradient's formula", () => {
  it.each([1, 2])("joins some of the images where each has few positions (groups %d)", async (group) => {
    const random = new TestRandom(700 + group);
    const window = { kernel: [2, 2], strides: [1, 1], dilations: [1, 1], before: [1, 0], after: [0, 1], input: [7, 8], output: [7, 8] };
    const geometry: Geometry = { batch: 20, group, inputs: 2, outputs: 4, window };
    await checkGradient({
      opType: "Conv",
      attributes: attributesOf(geometry),
      inputs: [random.tensor([20, 2, 7, 8]), random.tensor([4, 2 / group, 2, 2])],
      differentiable: [1],
      reference: ([x, w]) => conv(x!, w!, undefined, group, window),
    });
  });

  it("goes over all taps at once where the first axis is long, else tap by tap, and is a Conv for depthwise ones with strides or many taps", () => {
    expect(emittedFor([2, 4, 32, 32], [6, 4, 3, 3], 1, 1)).toMatchObject({ FusedMatMul: 3, Pad: 3 });
    expect(emittedFor([2, 8, 8, 8], [6, 8, 3, 3], 1, 1)).toMatchObject({ FusedMatMul: 9, Slice: 9 });
    // Nine taps in four phases.
    expect(emittedFor([2, 8, 32, 32], [6, 8, 3, 3], 2, 1)).toMatchObject({ FusedMatMul: 9, Slice: 13 });
    expect(emittedFor([2, 8, 32, 32], [6, 8, 3, 3], 3, 1)).toMatchObject({ FusedMatMul: 9, Slice: 9 });
    expect(emittedFor([2, 3, 32, 32], [6, 3, 3, 3], 2, 1)).toMatchObject({ FusedMatMul: 1, Slice: 13 });
    expect(emittedFor([2, 4, 40, 40], [4, 1, 3, 3], 1, 4)).toMatchObject({ FusedMatMul: 3, Pad: 3 });
    expect(emittedFor([2, 4, 32, 32], [4, 1, 3, 3], 2, 4)).toMatchObject({ Conv: 1, Slice: 1 });
    expect(emittedFor([2, 4, 40, 40], [4, 1, 7, 7], 1, 4)).toMatchObject({ Conv: 1, Slice: 1 });
  });

  it("takes a product a horizontal tap where a depthwise convolution has few rows", () => {
    expect(emittedFor([2, 4, 14, 14], [8, 1, 3, 3], 1, 4)).toMatchObject({ FusedMatMul: 3, Slice: 3, MatMul: 1 });
    expect(emittedFor([2, 4, 14, 14], [4, 1, 5, 5], 1, 4)).toMatchObject({ FusedMatMul: 5, Slice: 5, MatMul: 1 });
  });

  it("of a 1x1 kernel is one product without copies", () => {
    expect(emittedFor([2, 4, 32, 32], [6, 4, 1, 1], 1, 1)).toEqual({ FusedMatMul: 1, MatMul: 1, Reshape: 5 });
  });
});

/** How many nodes of each operator the gradient at a Conv's weights takes; "same" padding. */
function emittedFor(x: number[], w: number[], stride: number, group: number): Record<string, number> {
  const pad = (w[2]! - 1) / 2;
  const attribute = makeAttributes({ strides: [stride, stride], pads: [pad, pad, pad, pad], group });
  const y = [x[0]!, w[0]!, Math.ceil(x[2]! / stride), Math.ceil(x[3]! / stride)];
  const shapes: Record<string, readonly number[]> = { x, w, y };
  const builder = new GraphBuilder();
  convRule({
    builder,
    node: create(NodeProtoSchema, { opType: "Conv", input: ["x", "w"], output: ["y"], attribute }),
    opset: 17,
    shapeOf: (value) => shapes[value]!,
    typeOf: () => "float",
    constantOf: () => undefined,
    gradientOf: () => "dy",
    wants: (position) => position === 1,
  });
  const counts: Record<string, number> = {};
  for (const { opType } of builder.nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}
