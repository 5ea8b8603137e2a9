/** @file The two halves of a convolution's gradient, for any window; ConvTranspose uses them with the roles exchanged. */
import type { GraphBuilder } from "../graph/builder.ts";
import { microsoftDomain } from "../graph/builder.ts";
import { int64Tensor, sizeOf } from "../onnx/tensor.ts";
import { type SlidingWindow, taps } from "./slidingWindow.ts";

export interface ConvolutionShapes {
  readonly batch: number;
  readonly groups: number;
  /** Channels of the convolution's input and output. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly window: SlidingWindow;
}

/**
 * The gradient at the weights [outputs, inputs / groups, ...kernel]: the output's gradient times the input's
 * windows (im2col), one matrix product a group.
 */
export function weightGradient(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { batch, groups, inputChannels, outputChannels, window } = shapes;
  const positions = sizeOf(window.output);
  const rows = outputChannels / groups;
  const columns = (inputChannels / groups) * sizeOf(window.kernel);
  const windows = b.op("Reshape", [inputWindows(b, input, shapes), b.ints([batch, groups, columns, positions])]);
  const outputs = b.op("Reshape", [gradient, b.ints([batch, groups, rows, positions])]);
  const product = (left: string, right: string) => b.op("FusedMatMul", [left, right], { transB: 1 }, { domain: microsoftDomain });
  // Few positions: bringing the batch next to them costs less than adding up one large product a sample.
  const folded = rows >= positions;
  const beside = (value: string, length: number) =>
    b.op("Reshape", [b.op("Transpose", [value], { perm: [1, 2, 0, 3] }), b.ints([groups, length, batch * positions])]);
  const summed = folded
    ? product(beside(outputs, rows), beside(windows, columns))
    : b.op("ReduceSum", [product(outputs, windows), b.ints([0])], { keepdims: 0 });
  return inKernelOrder(b, summed, shapes);
}

/** [groups, rows, columns] to the weights' shape; columns are (channel, last kernel axis, other kernel axes) where windows were gathered. */
function inKernelOrder(b: GraphBuilder, value: string, { inputChannels, outputChannels, groups, window: { kernel } }: ConvolutionShapes): string {
  const dims = [outputChannels, inputChannels / groups, ...kernel];
  if (kernel.length !== 2 || kernel.includes(1)) return b.op("Reshape", [value, b.ints(dims)]);
  const gathered = b.op("Reshape", [value, b.ints([dims[0]!, dims[1]!, kernel[1]!, kernel[0]!])]);
  return b.op("Transpose", [gathered], { perm: [0, 1, 3, 2] });
}

/** The input's windows [batch, channels, taps..., positions...], in the order that {@link inKernelOrder} expects. */
function inputWindows(b: GraphBuilder, input: string, shapes: ConvolutionShapes): string {
  const { window } = shapes;
  const { kernel, strides } = window;
  if (kernel.every((length) => length === 1)) {
    const plain = strides.every((stride) => stride === 1);
    const padded = pad(b, input, window);
    return plain
      ? padded
      : tapSlice(
          b,
          padded,
          window,
          kernel.map(() => 0),
        );
  }
  const padded = pad(b, input, window);
  return kernel.length === 2 ? gatheredWindows(b, padded, shapes) : slicedWindows(b, padded, shapes);
}

/**
 * Two spatial axes: slices for the taps along the width, then one Gather for those along the height. ONNX Runtime
 * copies slices on one thread but gathers on all, so this beats a slice a tap.
 */
function gatheredWindows(b: GraphBuilder, padded: string, { batch, inputChannels, window }: ConvolutionShapes): string {
  const [kernelHeight, kernelWidth] = window.kernel as [number, number];
  const [height] = paddedLengths(window) as [number];
  const [rows, width] = window.output as [number, number];
  const slices = Array.from({ length: kernelWidth }, (_, tap) => {
    const start = tap * window.dilations[1]!;
    const slice = b.op("Slice", [
      padded,
      b.ints([start]),
      b.ints([start + (width - 1) * window.strides[1]! + 1]),
      b.ints([3]),
      b.ints([window.strides[1]!]),
    ]);
    return b.op("Reshape", [slice, b.ints([batch, inputChannels, 1, height, width])]);
  });
  const along = slices.length === 1 ? slices[0]! : b.op("Concat", slices, { axis: 2 });
  const lines = Array.from({ length: kernelHeight }, (_, tap) =>
    Array.from({ length: rows }, (_, row) => row * window.strides[0]! + tap * window.dilations[0]!),
  );
  return b.op("Gather", [along, b.constant(int64Tensor(lines.flat(), [kernelHeight, rows]))], { axis: 3 });
}

/** Any number of spatial axes: a slice a tap. */
function slicedWindows(b: GraphBuilder, padded: string, { batch, inputChannels, window }: ConvolutionShapes): string {
  const slices = taps(window.kernel).map((tap) =>
    b.op("Reshape", [tapSlice(b, padded, window, tap), b.ints([batch, inputChannels, 1, ...window.output])]),
  );
  return slices.length === 1 ? slices[0]! : b.op("Concat", slices, { axis: 2 });
}

/** What one tap of the kernel reads, for every output position. */
function tapSlice(b: GraphBuilder, padded: string, { output, strides, dilations }: SlidingWindow, tap: readonly number[]): string {
  const starts = tap.map((place, axis) => place * dilations[axis]!);
  const ends = starts.map((start, axis) => start + (output[axis]! - 1) * strides[axis]! + 1);
  return b.op("Slice", [padded, b.ints(starts), b.ints(ends), b.ints(tap.map((_, axis) => axis + 2)), b.ints(strides)]);
}

function pad(b: GraphBuilder, input: string, { before, after }: SlidingWindow): string {
  if ([...before, ...after].every((length) => length === 0)) return input;
  return b.op("Pad", [input, b.ints([0, 0, ...before, 0, 0, ...after])]);
}

function paddedLengths({ input, before, after }: SlidingWindow): number[] {
  return input.map((length, axis) => length + before[axis]! + after[axis]!);
}

/** The gradient at a convolution's input, from the output's gradient and the weights [outputs, inputs / groups, ...kernel]. */
export function inputGradient(b: GraphBuilder, gradient: string, weights: string, shapes: ConvolutionShapes): string {
  const { groups, window } = shapes;
  const { kernel, strides, dilations, before, input, output } = window;
  const extents = kernel.map((length, axis) => (length - 1) * dilations[axis]! + 1);
  // Where windows end before the input does, what they don't reach gets no gradient: `reached` may be less than the padded input.
  const reached = output.map((length, axis) => (length - 1) * strides[axis]! + extents[axis]!);
  const padsBefore = before.map((length, axis) => extents[axis]! - 1 - length);
  const padsAfter = input.map((length, axis) => length - output[axis]! + before[axis]!);
  if (strides.every((stride) => stride === 1) && [...padsBefore, ...padsAfter].every((length) => length >= 0)) {
    const turned = turnedWeights(b, weights, shapes);
    return b.op("Conv", [gradient, turned], { kernel_shape: kernel, pads: [...padsBefore, ...padsAfter], dilations, group: groups });
  }
  const excess = reached.map((length, axis) => length - before[axis]! - input[axis]!);
  return b.op("ConvTranspose", [gradient, weights], {
    kernel_shape: kernel,
    strides,
    dilations,
    group: groups,
    pads: [...before, ...excess.map((length) => Math.max(0, length))],
    output_padding: excess.map((length) => Math.max(0, -length)),
  });
}

/** Weights turned by 180 degrees, with the channels of each group exchanged. */
function turnedWeights(b: GraphBuilder, weights: string, { groups, inputChannels, outputChannels, window: { kernel } }: ConvolutionShapes): string {
  const rows = outputChannels / groups;
  const columns = inputChannels / groups;
  const axes = kernel.map((_, axis) => axis);
  let value = weights;
  if (groups === 1) value = b.op("Transpose", [value], { perm: [1, 0, ...axes.map((axis) => axis + 2)] });
  else if (rows > 1 || columns > 1) {
    const split = b.op("Reshape", [value, b.ints([groups, rows, columns, ...kernel])]);
    const swapped = b.op("Transpose", [split], { perm: [0, 2, 1, ...axes.map((axis) => axis + 3)] });
    value = b.op("Reshape", [swapped, b.ints([inputChannels, rows, ...kernel])]);
  }
  if (kernel.every((length) => length === 1)) return value;
  const farBelow = kernel.map((length) => -length - 1);
  return b.op("Slice", [value, b.ints(kernel.map(() => -1)), b.ints(farBelow), b.ints(axes.map((axis) => axis + 2)), b.ints(kernel.map(() => -1))]);
}
