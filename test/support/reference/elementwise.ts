/** @file Element-wise operators in plain double precision, to judge those for which ONNX Runtime has no double kernel. */
import { sizeOf } from "../../../src/engine/onnx/tensor.ts";
import type { DoubleTensor, ReferenceForward } from "../gradientCheck.ts";

/** A function of every element of the first input. */
export function elementwise(f: (x: number) => number): ReferenceForward {
  return ([x]) => {
    const { dims, data } = x as DoubleTensor;
    return { type: "double", dims, data: data.map(f) };
  };
}

/** A function of all inputs, broadcast to a common shape. */
export function broadcasting(f: (...values: number[]) => number): ReferenceForward {
  return (inputs) => {
    const operands = inputs as readonly DoubleTensor[];
    const dims = operands.map((operand) => operand.dims).reduce(broadcastShape);
    const at = (operand: DoubleTensor, i: number) => operand.data[broadcastIndex(i, dims, operand.dims)]!;
    const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => f(...operands.map((operand) => at(operand, i))));
    return { type: "double", dims, data };
  };
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const lengthAt = (dims: readonly number[], back: number) => dims.at(-back) ?? 1;
  return Array.from({ length: rank }, (_, axis) => Math.max(lengthAt(a, rank - axis), lengthAt(b, rank - axis)));
}

/** Where an element of shape `to` reads a tensor of shape `from` that broadcasts to it. */
function broadcastIndex(index: number, to: readonly number[], from: readonly number[]): number {
  let rest = index;
  let result = 0;
  let stride = 1;
  for (let back = 1; back <= from.length; back++) {
    const length = to.at(-back)!;
    if (from.at(-back)! > 1) result += (rest % length) * stride;
    rest = Math.floor(rest / length);
    stride *= from.at(-back)!;
  }
  return result;
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function softplus(x: number): number {
  return Math.log1p(Math.exp(x));
}

/** The error function by its Taylor series: good to about 1e-12 for |x| < 3. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
