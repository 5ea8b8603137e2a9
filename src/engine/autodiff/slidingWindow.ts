/** @file The geometry of operators that slide a window over spatial axes: convolutions and pooling. */
import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
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
 * The window of a Conv, MaxPool or AveragePool node, for which `input` are the spatial lengths read and `output` those written.
 * `kernel` counts where the node does not give `kernel_shape`.
 */
export function slidingWindow(node: NodeProto, input: readonly number[], output: readonly number[], kernel: readonly number[]): SlidingWindow {
  const { strides, dilations } = steps(node, kernel);
  const extents = extentsOf({ kernel, dilations });
  const padding = givenPads(node, kernel.length) ?? splitPads(node, totalPads(input, output, extents, strides));
  return { kernel, strides, dilations, ...padding, input, output };
}

/** The window of a ConvTranspose node: it goes over the lengths `written`, one place for each that is `read`. */
export function transposedSlidingWindow(
  node: NodeProto,
  written: readonly number[],
  read: readonly number[],
  kernel: readonly number[],
): SlidingWindow {
  const { strides, dilations } = steps(node, kernel);
  // Output padding lies at the end of what is written: the window reaches that much further.
  const outputPadding = intsAttribute(node, "output_padding") ?? kernel.map(() => 0);
  const extents = extentsOf({ kernel, dilations }).map((extent, axis) => extent + outputPadding[axis]!);
  const given = intsAttribute(node, "output_shape") ? undefined : givenPads(node, kernel.length);
  const padding = given ?? splitPads(node, totalPads(written, read, extents, strides));
  return { kernel, strides, dilations, ...padding, input: written, output: read };
}

function steps(node: NodeProto, kernel: readonly number[]) {
  const ones = kernel.map(() => 1);
  return { strides: intsAttribute(node, "strides") ?? ones, dilations: intsAttribute(node, "dilations") ?? ones };
}

/** Pads as the node gives them; undefined where they follow from the lengths. */
function givenPads(node: NodeProto, rank: number) {
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  if (autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER") return undefined;
  const list = (autoPad === "NOTSET" && intsAttribute(node, "pads")) || new Array<number>(2 * rank).fill(0);
  return { before: list.slice(0, rank), after: list.slice(rank) };
}

function totalPads(input: readonly number[], output: readonly number[], extents: readonly number[], strides: readonly number[]): number[] {
  return input.map((length, axis) => Math.max(0, (output[axis]! - 1) * strides[axis]! + extents[axis]! - length));
}

/** Half of the pads on each side; of an odd number SAME_UPPER puts one more after, all others before, as ONNX Runtime does. */
function splitPads(node: NodeProto, total: readonly number[]) {
  const smaller = total.map((pad) => Math.floor(pad / 2));
  const larger = total.map((pad, axis) => pad - smaller[axis]!);
  const upper = stringAttribute(node, "auto_pad", "NOTSET") === "SAME_UPPER";
  return upper ? { before: smaller, after: larger } : { before: larger, after: smaller };
}

/** The number of groups of a convolution. */
export function groupsOf(node: NodeProto): number {
  return intAttribute(node, "group", 1);
}

/** Every place in a kernel, in the order of its elements in memory. */
export function taps(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((lists, length) => lists.flatMap((list) => Array.from({ length }, (_, i) => [...list, i])), [[]]);
}

/** Lengths of the kernel with its dilations. */
export function extentsOf({ kernel, dilations }: Pick<SlidingWindow, "kernel" | "dilations">): number[] {
  return kernel.map((length, axis) => (length - 1) * dilations[axis]! + 1);
}

/** Whether every input element lies in exactly one window, and no window reaches beyond the input. */
export function tilesInput({ kernel, strides, dilations, before, after, input, output }: SlidingWindow): boolean {
  return kernel.every(
    (length, axis) =>
      strides[axis] === length &&
      (dilations[axis] === 1 || length === 1) &&
      before[axis] === 0 &&
      after[axis] === 0 &&
      input[axis] === length * output[axis]!,
  );
}

/** Pads a value [batch, channels, ...input] with the window's zeros. */
export function padInput(b: GraphBuilder, value: string, { before, after }: SlidingWindow): string {
  if ([...before, ...after].every((length) => length === 0)) return value;
  return b.op("Pad", [value, b.ints([0, 0, ...before, 0, 0, ...after])]);
}

/** What one tap reads of a padded value, for every output position; axes whose tap is undefined stay whole. */
export function sliceTap(b: GraphBuilder, padded: string, window: SlidingWindow, tap: readonly (number | undefined)[]): string {
  const { input, output, before, after, strides, dilations } = window;
  const cuts = tap.flatMap((place, axis) => {
    if (place === undefined) return [];
    const start = place * dilations[axis]!;
    const end = start + (output[axis]! - 1) * strides[axis]! + 1;
    const whole = start === 0 && end === before[axis]! + input[axis]! + after[axis]! && strides[axis] === 1;
    return whole ? [] : [{ axis: axis + 2, start, end, stride: strides[axis]! }];
  });
  if (cuts.length === 0) return padded;
  const ints = (key: "axis" | "start" | "end" | "stride") => b.ints(cuts.map((cut) => cut[key]));
  return b.op("Slice", [padded, ints("start"), ints("end"), ints("axis"), ints("stride")]);
}

/**
 * What each tap reads of a padded value, in the order of {@link taps}. Copying with a stride is several times as slow as without, so that
 * taps of one phase, whose places lie whole strides apart, share one such copy.
 */
export function sliceTaps(b: GraphBuilder, padded: string, window: SlidingWindow): string[] {
  const { kernel, strides, dilations, input, output, before, after } = window;
  const phaseOf = (tap: readonly number[]) => tap.map((place, axis) => (place * dilations[axis]!) % strides[axis]!);
  const all = taps(kernel);
  const shared = new Set(all.map((tap) => phaseOf(tap).join())).size < all.length;
  if (!shared || strides.every((stride) => stride === 1)) return all.map((tap) => sliceTap(b, padded, window, tap));
  const lengths = input.map((length, axis) => length + before[axis]! + after[axis]!);
  const axes = b.ints(kernel.map((_, axis) => axis + 2));
  const phases = new Map<string, string>();
  return all.map((tap) => {
    const phase = phaseOf(tap);
    const plane = phases.get(phase.join()) ?? b.op("Slice", [padded, b.ints(phase), b.ints(lengths), axes, b.ints(strides)]);
    phases.set(phase.join(), plane);
    const starts = tap.map((place, axis) => Math.floor((place * dilations[axis]!) / strides[axis]!));
    const ends = starts.map((start, axis) => start + output[axis]!);
    return b.op("Slice", [plane, b.ints(starts), b.ints(ends), axes]);
  });
}
