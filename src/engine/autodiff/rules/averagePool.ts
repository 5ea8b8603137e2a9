/** @file Gradients of AveragePool and GlobalAveragePool. */
import { intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { sizeOf } from "../../onnx/tensor.ts";
import { type AxisMatrix, axisMatrix, largestMatrix, multiplyByTransposes } from "../axisMatrices.ts";
import { constantOfType, outputGradient, scalarOf, unsupported } from "../emit.ts";
import { repeatElements } from "../repeatElements.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { type SlidingWindow, slidingWindow, tilesInput } from "../slidingWindow.ts";

/**
 * Each window's gradient is shared out among the elements that its mean is over. The number of those is a product over the axes, so that
 * the mean is a matrix along each axis.
 */
export const averagePoolRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const y = node.output[0]!;
  const window = slidingWindow(node, shapeOf(x).slice(2), shapeOf(y).slice(2), intsAttribute(node, "kernel_shape")!);
  if (tilesInput(window)) return [repeatShares(context, window)];
  const includePad = intAttribute(node, "count_include_pad", 0) === 1;
  const moved = window.kernel.flatMap((_, axis) => (copiesAxis(window, axis) ? [] : [axis]));
  if (moved.some((axis) => window.input[axis]! * window.output[axis]! > largestMatrix))
    throw unsupported(node, "is not known for axes as long as this");
  const matrices = moved.map((axis) => meanMatrix(window, axis, includePad));
  return [multiplyByTransposes(b, outputGradient(context), shapeOf(y), matrices, typeOf(x))];
};

/** GlobalAveragePool: every element gets an equal share. Multiplying by a plane of shares is faster than Expand. */
export const globalAveragePoolRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const spatial = shapeOf(x).slice(2);
  const count = sizeOf(spatial);
  const shares = constantOfType(b, new Array<number>(count).fill(1 / count), [1, 1, ...spatial], typeOf(x));
  return [b.op("Mul", [outputGradient(context), shares])];
};

function copiesAxis({ kernel, strides, before, after, input, output }: SlidingWindow, axis: number): boolean {
  return kernel[axis] === 1 && strides[axis] === 1 && before[axis] === 0 && after[axis] === 0 && input[axis] === output[axis];
}

/** Row p holds 1 / n at the n elements that the mean at p is over; padding counts where the node says so, but never what ceil_mode adds. */
function meanMatrix(window: SlidingWindow, axis: number, includePad: boolean): AxisMatrix {
  const input = window.input[axis]!;
  const output = window.output[axis]!;
  const before = window.before[axis]!;
  const [low, high] = includePad ? [-before, input + window.after[axis]!] : [0, input];
  const rows = Array.from({ length: output }, (_, place) => {
    const start = place * window.strides[axis]! - before;
    const read = Array.from({ length: window.kernel[axis]! }, (_, tap) => start + tap * window.dilations[axis]!);
    return new Set(read.filter((index) => index >= low && index < high));
  });
  return axisMatrix(axis + 2, output, input, (place, index) => (rows[place]!.has(index) ? 1 / rows[place]!.size : 0));
}

/** Every element gets the share of its one window. */
function repeatShares(context: RuleContext, { kernel }: SlidingWindow): string {
  const { builder: b, node, typeOf } = context;
  const share = scalarOf(b, 1 / sizeOf(kernel), typeOf(node.input[0]!));
  return repeatElements(b, b.op("Mul", [outputGradient(context), share]), kernel);
}
