/** @file The geometry of operators that slide a window over spatial axes: convolutions and pooling. */
import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";

/** A window over the spatial axes, one entry an axis. Output position p reads the inputs p stride - before + tap dilation. */
export interface SlidingWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Zeros before the first element. */
  readonly before: readonly number[];
  /** Zeros after the last element. */
  readonly after: readonly number[];
  /** Lengths of the axes that are read. */
  readonly input: readonly number[];
  /** Lengths of the axes that are written: window positions. */
  readonly output: readonly number[];
}

/**
 * The window of a Conv, MaxPool, AveragePool or LpPool node, for which `input` are the spatial lengths read and `output` those written,
 * or of a ConvTranspose node with the two exchanged: there the window goes over what is written.
 * `kernel` counts where the node does not give `kernel_shape`.
 */
export function slidingWindow(node: NodeProto, input: readonly number[], output: readonly number[], kernel: readonly number[]): SlidingWindow {
  const ones = input.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const extents = kernel.map((taps, axis) => (taps - 1) * dilations[axis]! + 1);
  const { before, after } = pads(node, input, output, extents, strides);
  return { kernel, strides, dilations, before, after, input, output };
}

function pads(node: NodeProto, input: readonly number[], output: readonly number[], extents: readonly number[], strides: readonly number[]) {
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  if (autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER") {
    const total = input.map((length, axis) => Math.max(0, (output[axis]! - 1) * strides[axis]! + extents[axis]! - length));
    const smaller = total.map((pad) => Math.floor(pad / 2));
    const larger = total.map((pad, axis) => pad - smaller[axis]!);
    return autoPad === "SAME_UPPER" ? { before: smaller, after: larger } : { before: larger, after: smaller };
  }
  const given = autoPad === "NOTSET" ? intsAttribute(node, "pads") : undefined;
  const list = given ?? new Array<number>(2 * input.length).fill(0);
  return { before: list.slice(0, input.length), after: list.slice(input.length) };
}

/** The number of groups of a convolution. */
export function groupsOf(node: NodeProto): number {
  return intAttribute(node, "group", 1);
}

/** Every place in a kernel, in the order of its elements in memory. */
export function taps(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((lists, length) => lists.flatMap((list) => Array.from({ length }, (_, i) => [...list, i])), [[]]);
}
