/** @file Gradient of a convolution at its input. */
import type { GraphBuilder } from "../graph/builder.ts";
import { extentsOf, type SlidingWindow } from "./slidingWindow.ts";

export interface ConvolutionShapes {
  readonly batch: number;
  readonly groups: number;
  /** Channels of the convolution's input and output. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly window: SlidingWindow;
}

/** The gradient at a convolution's input, from the output's gradient and the weights [outputs, inputs / groups, ...kernel]. */
export function inputGradient(b: GraphBuilder, gradient: string, weights: string, shapes: ConvolutionShapes): string {
  const { groups, window } = shapes;
  const { kernel, strides, dilations, before, input, output } = window;
  const extents = extentsOf(window);
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
