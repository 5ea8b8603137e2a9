/**
 * @file Gradient of a convolution at its weights, dw[k, c, tap] = Σ dy[k, p] x[c, p stride + tap dilation] over images and positions p.
 *
 * Milliseconds of the formulas of bench/convGradient.ts: kernel 3x3, stride 1, batch 32, 2 threads of a busy AMD EPYC with AVX-512, kernels
 * by ONNX Runtime's profiler (5th percentile of turns):
 *            16x32x32  64x8x8  64x56x56  256x14x14  512x7x7  depthwise 144x56x56  576x14x14
 *   each          2.7     2.8       144         98      106                  199         31
 *   split         2.5     3.4       120        122      148                  169         79
 *   im2col        4.6     5.7       171        153      286                  271         85
 * im2col (all taps' columns side by side, one product, ReduceSum) copies the input twice a tap; so, without ReduceSum, it is used for images
 * alone (7x7 stride 2 from 3x112x112: 40 against 56).
 */
import type { GraphBuilder } from "../graph/builder.ts";
import { floatTensor, sizeOf } from "../onnx/tensor.ts";
import type { ConvolutionShapes } from "./convolution.ts";
import { zeros } from "./emit.ts";
import { productWithTransposed, sumRows } from "./products.ts";
import { extentsOf, padInput, type SlidingWindow, sliceTap, sliceTaps, taps } from "./slidingWindow.ts";

/** How many rows "split" may add to those of the output before its larger product costs more than the copies that it saves. */
const splitOverhead = 0.1;

/** Products over fewer positions than `fewPositions` are slow: images are joined until there are `enoughPositions`. */
const fewPositions = 256;
const enoughPositions = 512;

/** From more taps on, a depthwise convolution's slices take longer than all else (7x7 on 384x14x14: 216 ms, as one Conv 84). */
const manyTaps = 9;

/** Up to how many pairs of output and input rows "byRows" is fastest: its product goes over all of them, and needs those of one tap. */
const fewRowPairs = 1024;

/** Up to how many input channels all taps go into one product. */
const fewChannels = 4;

/** The gradient at the weights [outputs, inputs / groups, ...kernel], from the convolution's input and the gradient at its output. */
export function weightGradient(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { inputChannels, groups, window } = shapes;
  const depthwise = inputChannels === groups;
  if (depthwise && window.strides.some((stride) => stride > 1)) return byConvolution(b, input, gradient, shapes);
  if (depthwise && window.kernel.length === 2 && window.output[0]! * window.input[0]! <= fewRowPairs) return byRows(b, input, gradient, shapes);
  const affordable = extentsOf(window)[0]! - 1 <= window.output[0]! * splitOverhead;
  if (window.kernel[0]! > 1 && window.strides[0] === 1 && affordable) return splitTaps(b, input, gradient, shapes);
  if (depthwise && sizeOf(window.kernel) > manyTaps) return byConvolution(b, input, gradient, shapes);
  return eachTap(b, input, gradient, shapes);
}

/** A product a tap: the gradient [outputs, positions] by the transpose of what the tap reads [inputs, positions]. */
export function eachTap(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { batch, groups, inputChannels, outputChannels, window } = shapes;
  const positions = sizeOf(window.output);
  const joined = imagesToJoin(batch, positions);
  const images = batch / joined;
  const matrix = (value: string, channels: number) => b.op("Reshape", [value, b.ints([images, groups, channels / groups, joined * positions])]);
  const padded = padInput(b, joinImages(b, input, [batch, inputChannels, ...window.input], joined), window);
  const rows = matrix(joinImages(b, gradient, [batch, outputChannels, ...window.output], joined), outputChannels);
  const columns = sliceTaps(b, padded, window).map((slice) => matrix(slice, inputChannels));
  if (columns.length > 1 && groups === 1 && inputChannels <= fewChannels) return allTaps(b, rows, columns, images, shapes);
  const size = (outputChannels * inputChannels) / groups;
  const parts = columns.map((column) => b.op("Reshape", [sumRows(b, productWithTransposed(b, rows, column), images, size), b.ints([size, 1])]));
  const all = parts.length === 1 ? parts[0]! : b.op("Concat", parts, { axis: 1 });
  return b.op("Reshape", [all, b.ints(weightDims(shapes))]);
}

/** One product for all taps' columns side by side: where there are few channels, as of an image, a product a tap is too narrow to be fast. */
function allTaps(b: GraphBuilder, rows: string, columns: readonly string[], images: number, shapes: ConvolutionShapes): string {
  const { inputChannels, outputChannels } = shapes;
  const product = productWithTransposed(b, rows, b.op("Concat", columns, { axis: 2 }));
  const sum = sumRows(b, product, images, sizeOf(weightDims(shapes)));
  const split = b.op("Reshape", [sum, b.ints([outputChannels, columns.length, inputChannels])]);
  return b.op("Reshape", [b.op("Transpose", [split], { perm: [0, 2, 1] }), b.ints(weightDims(shapes))]);
}

/** The number of images that one product goes over: a divisor of the batch. */
function imagesToJoin(batch: number, positions: number): number {
  if (positions >= fewPositions) return 1;
  for (let images = 1; images < batch; images++) {
    if (batch % images === 0 && images * positions >= enoughPositions) return images;
  }
  return batch;
}

/** Stacks images, [batch, channels, height, …] to [batch / joined, channels, joined, height, …] with the last axes as they were; channels and images in one axis. */
function joinImages(b: GraphBuilder, value: string, [batch, channels, ...spatial]: readonly number[], joined: number): string {
  if (joined === 1) return value;
  const split = b.op("Reshape", [value, b.ints([batch! / joined, joined, channels!, sizeOf(spatial)])]);
  const stacked = b.op("Transpose", [split], { perm: [0, 2, 1, 3] });
  return b.op("Reshape", [stacked, b.ints([batch! / joined, channels! * joined, ...spatial])]);
}

/**
 * A product a tap of the axes but the first, for stride 1 along the first spatial axis. The input is shifted along the other axes for their
 * taps only, [inputs, padded rows]; the gradient is put down once a tap of the first axis, moved by as many rows, with zeros around it. It takes
 * copies for both axes' taps added, where a slice a tap takes them multiplied.
 */
export function splitTaps(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { batch, groups, inputChannels, outputChannels, window } = shapes;
  const [first, ...others] = window.kernel as [number, ...number[]];
  const [rows, ...line] = window.output as [number, ...number[]];
  const dilation = window.dilations[0]!;
  const lineSize = sizeOf(line);
  const paddedSize = (rows + (first - 1) * dilation) * lineSize;

  // dy 0 0 0 dy 0 0 0 dy, cut in three, is dy 0 0 | 0 dy 0 | 0 0 dy.
  const flat = b.op("Reshape", [gradient, b.ints([batch, outputChannels, rows * lineSize])]);
  const between = zeros(b, [batch, outputChannels, first * dilation * lineSize], "float");
  const moved = b.op("Concat", [flat, ...Array.from({ length: first - 1 }, () => [between, flat]).flat()], { axis: 2 });
  const allRows = b.op("Reshape", [moved, b.ints([batch, groups, (outputChannels / groups) * first, paddedSize])]);

  const size = (outputChannels * first * inputChannels) / groups;
  const parts = shiftsAlongLine(b, input, window).map((shifted) => {
    const columns = b.op("Reshape", [shifted, b.ints([batch, groups, inputChannels / groups, paddedSize])]);
    const sum = sumRows(b, productWithTransposed(b, allRows, columns), batch, size);
    return b.op("Reshape", [sum, b.ints([outputChannels, first, 1, inputChannels / groups])]);
  });
  const all = parts.length === 1 ? parts[0]! : b.op("Concat", parts, { axis: 2 });
  const split = b.op("Reshape", [all, b.ints([outputChannels, first, sizeOf(others), inputChannels / groups])]);
  return b.op("Reshape", [b.op("Transpose", [split], { perm: [0, 3, 1, 2] }), b.ints(weightDims(shapes))]);
}

/**
 * The padded input, one for each tap of the axes but the first: what the tap reads at all positions of the line. With steps of 1 a shift is
 * padding that is negative at one end, and takes one copy; else it is a slice of what was padded before.
 */
function shiftsAlongLine(b: GraphBuilder, input: string, window: SlidingWindow): string[] {
  const others = taps(window.kernel.slice(1));
  const shifts = others.map((tap) => {
    const starts = [0, ...tap.map((at, axis) => at * window.dilations[axis + 1]!)].map((at, axis) => at - window.before[axis]!);
    const ends = starts.map((start, axis) => start + window.output[axis]! + (axis === 0 ? extentsOf(window)[0]! - 1 : 0) - window.input[axis]!);
    return { starts, ends };
  });
  const whole = ({ starts, ends }: (typeof shifts)[number]) =>
    window.input.every((length, axis) => Math.max(starts[axis]!, 0) + Math.max(-ends[axis]!, 0) < length);
  if (window.strides.every((stride) => stride === 1) && shifts.every(whole)) {
    return shifts.map(({ starts, ends }) => b.op("Pad", [input, b.ints([0, 0, ...starts.map((start) => -start), 0, 0, ...ends])]));
  }
  const padded = padInput(b, input, window);
  return others.map((tap) => sliceTap(b, padded, window, [undefined, ...tap]));
}

/**
 * One input channel a group: a convolution of every input plane by the gradient as kernel, strides and dilations exchanged. ONNX Runtime
 * does it on one thread, but copies nothing: 48 against 70 ms for 144x56x56, 3x3, stride 2.
 */
export function byConvolution(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { batch, inputChannels, outputChannels, window } = shapes;
  const { kernel, strides, dilations, before, output } = window;
  const planes = b.op("Reshape", [input, b.ints([1, batch * inputChannels, ...window.input])]);
  const kernels = b.op("Reshape", [gradient, b.ints([batch * outputChannels, 1, ...output])]);
  const reached = output.map((length, axis) => (length - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1);
  const after = reached.map((length, axis) => Math.max(0, length - before[axis]! - window.input[axis]!));
  const convolved = b.op("Conv", [planes, kernels], {
    kernel_shape: output,
    strides: dilations,
    dilations: strides,
    pads: [...before, ...after],
    group: batch * inputChannels,
  });
  // Rows at the end of the input that the forward pass does not reach make places beyond the kernel.
  const axes = kernel.map((_, axis) => axis + 2);
  const places = b.op("Slice", [convolved, b.ints(kernel.map(() => 0)), b.ints(kernel), b.ints(axes)]);
  const size = sizeOf(weightDims(shapes));
  return b.op("Reshape", [sumRows(b, places, batch, size), b.ints(weightDims(shapes))]);
}

/**
 * One input channel a group, two spatial axes: a product a channel and horizontal tap, over columns and images, of all rows of the gradient by
 * all rows of the input. The pairs of rows that a vertical tap brings together are then summed. Images lie on the last axis, so that the
 * copies for horizontal taps are of long runs; vertical taps, strides and padding take none.
 */
export function byRows(b: GraphBuilder, input: string, gradient: string, shapes: ConvolutionShapes): string {
  const { batch, inputChannels, outputChannels, window } = shapes;
  const [height] = window.input as [number, number];
  const [rows, columns] = window.output as [number, number];
  const [down, across] = window.kernel as [number, number];
  const imagesLast = (value: string) => b.op("Transpose", [value], { perm: [1, 2, 3, 0] });
  const perChannel = (outputChannels / inputChannels) * rows;
  const rowsOfGradient = b.op("Reshape", [imagesLast(gradient), b.ints([inputChannels, perChannel, columns * batch])]);
  const padded = b.op("Pad", [imagesLast(input), b.ints([0, 0, window.before[1]!, 0, 0, 0, window.after[1]!, 0])]);
  const pairs = Array.from({ length: across }, (_, tap) => {
    const start = tap * window.dilations[1]!;
    const end = start + (columns - 1) * window.strides[1]! + 1;
    const read = b.op("Slice", [padded, b.ints([start]), b.ints([end]), b.ints([2]), b.ints([window.strides[1]!])]);
    const product = productWithTransposed(b, rowsOfGradient, b.op("Reshape", [read, b.ints([inputChannels, height, columns * batch])]));
    return b.op("Reshape", [product, b.ints([outputChannels, 1, rows * height])]);
  });
  const all = pairs.length === 1 ? pairs[0]! : b.op("Concat", pairs, { axis: 1 });
  const meets = (pair: number, tap: number) => {
    const row = Math.floor(pair / height) * window.strides[0]! - window.before[0]! + tap * window.dilations[0]!;
    return row === pair % height ? 1 : 0;
  };
  const meeting = Float32Array.from({ length: rows * height * down }, (_, i) => meets(Math.floor(i / down), i % down));
  const sums = b.op("MatMul", [all, b.constant(floatTensor(meeting, [rows * height, down]))]);
  return b.op("Reshape", [b.op("Transpose", [sums], { perm: [0, 2, 1] }), b.ints(weightDims(shapes))]);
}

function weightDims({ inputChannels, outputChannels, groups, window }: ConvolutionShapes): number[] {
  return [outputChannels, inputChannels / groups, ...window.kernel];
}
