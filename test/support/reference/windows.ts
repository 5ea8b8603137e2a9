/** @file Convolutions, pooling and resizing in double precision, written plainly: one loop an output element. */
import type { SlidingWindow } from "../../../src/engine/autodiff/slidingWindow.ts";
import { sizeOf, type Tensor } from "../../../src/engine/onnx/tensor.ts";
import type { DoubleTensor } from "../gradientCheck.ts";

/** All index lists of a shape, in memory order. */
export function indices(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>((lists, length) => lists.flatMap((list) => Array.from({ length }, (_, i) => [...list, i])), [[]]);
}

function flat(dims: readonly number[], index: readonly number[]): number {
  return index.reduce((sum, place, axis) => sum * dims[axis]! + place, 0);
}

function make(dims: readonly number[], value: (index: readonly number[]) => number): DoubleTensor {
  return { type: "double", dims, data: Float64Array.from(indices(dims), value) };
}

/** Where a tap of a window reads, or undefined in the padding. */
function place(window: SlidingWindow, position: readonly number[], tap: readonly number[]): number[] | undefined {
  const at = position.map((p, axis) => p * window.strides[axis]! - window.before[axis]! + tap[axis]! * window.dilations[axis]!);
  return at.every((p, axis) => p >= 0 && p < window.input[axis]!) ? at : undefined;
}

export function conv(x: Tensor, w: Tensor, bias: Tensor | undefined, groups: number, window: SlidingWindow): DoubleTensor {
  const perGroup = { in: w.dims[1]!, out: w.dims[0]! / groups };
  return make([x.dims[0]!, w.dims[0]!, ...window.output], ([n, k, ...position]) => {
    let sum = bias ? Number(bias.data[k!]) : 0;
    for (let c = 0; c < perGroup.in; c++) {
      const channel = Math.floor(k! / perGroup.out) * perGroup.in + c;
      for (const tap of indices(window.kernel)) {
        const at = place(window, position, tap);
        if (at) sum += Number(x.data[flat(x.dims, [n!, channel, ...at])]) * Number(w.data[flat(w.dims, [k!, c, ...tap])]);
      }
    }
    return sum;
  });
}

/** `window` slides over the output. */
export function convTranspose(x: Tensor, w: Tensor, groups: number, window: SlidingWindow): DoubleTensor {
  const dims = [x.dims[0]!, w.dims[1]! * groups, ...window.input];
  const data = new Float64Array(sizeOf(dims));
  const inPerGroup = x.dims[1]! / groups;
  for (const [n, c, ...position] of indices(x.dims)) {
    const group = Math.floor(c! / inPerGroup);
    for (let k = 0; k < w.dims[1]!; k++) {
      for (const tap of indices(window.kernel)) {
        const at = place(window, position, tap);
        if (at)
          data[flat(dims, [n!, group * w.dims[1]! + k, ...at])]! +=
            Number(x.data[flat(x.dims, [n!, c!, ...position])]) * Number(w.data[flat(w.dims, [c!, k, ...tap])]);
      }
    }
  }
  return { type: "double", dims, data };
}

export function maxPool(x: Tensor, window: SlidingWindow): DoubleTensor {
  return make([...x.dims.slice(0, 2), ...window.output], ([n, c, ...position]) =>
    Math.max(
      ...indices(window.kernel).flatMap((tap) => {
        const at = place(window, position, tap);
        return at ? [Number(x.data[flat(x.dims, [n!, c!, ...at])])] : [];
      }),
    ),
  );
}

export function averagePool(x: Tensor, window: SlidingWindow, includePad: boolean): DoubleTensor {
  return make([...x.dims.slice(0, 2), ...window.output], ([n, c, ...position]) => {
    let sum = 0;
    let count = 0;
    for (const tap of indices(window.kernel)) {
      const at = place(window, position, tap);
      const start = position.map((p, axis) => p * window.strides[axis]! - window.before[axis]! + tap[axis]! * window.dilations[axis]!);
      if (at) sum += Number(x.data[flat(x.dims, [n!, c!, ...at])]);
      if (at || (includePad && start.every((p, axis) => p < window.input[axis]! + window.after[axis]!))) count++;
    }
    return sum / count;
  });
}

/** Multiplies along an axis by a matrix [output, input]. */
export function alongAxis(x: Tensor, axis: number, matrix: readonly (readonly number[])[]): DoubleTensor {
  const dims = x.dims.map((length, i) => (i === axis ? matrix.length : length));
  return make(dims, (index) => {
    const row = matrix[index[axis]!]!;
    return row.reduce((sum, factor, i) => sum + factor * Number(x.data[flat(x.dims, index.with(axis, i))]), 0);
  });
}
