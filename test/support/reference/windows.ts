/** @file Convolutions and pooling in double precision, written plainly from their definitions. */
import type { SlidingWindow } from "../../../src/engine/autodiff/slidingWindow.ts";
import { sizeOf, type Tensor } from "../../../src/engine/onnx/tensor.ts";
import type { DoubleTensor } from "../gradientCheck.ts";

/** All index lists of a shape, in memory order. */
function indices(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>((lists, length) => lists.flatMap((list) => Array.from({ length }, (_, i) => [...list, i])), [[]]);
}

/** What a window reads: for each position and each tap the place in the input, or -1 in the padding. */
interface Reads {
  readonly positions: number;
  readonly taps: number;
  readonly places: Int32Array;
}

const known = new WeakMap<SlidingWindow, Reads>();

function readsOf(window: SlidingWindow): Reads {
  const found = known.get(window);
  if (found) return found;
  const { kernel, strides, dilations, before, input, output } = window;
  const taps = indices(kernel);
  const positions = indices(output);
  const places = positions.flatMap((position) =>
    taps.map((tap) => {
      const at = position.map((p, axis) => p * strides[axis]! - before[axis]! + tap[axis]! * dilations[axis]!);
      if (at.some((p, axis) => p < 0 || p >= input[axis]!)) return -1;
      return at.reduce((sum, p, axis) => sum * input[axis]! + p, 0);
    }),
  );
  const reads = { positions: positions.length, taps: taps.length, places: Int32Array.from(places) };
  known.set(window, reads);
  return reads;
}

/** y[n, k, p] = bias[k] + Σ over c and taps of w[k, c, tap] x[n, c, place of tap at p], c in the group of k. */
export function conv(x: Tensor, w: Tensor, bias: Tensor | undefined, groups: number, window: SlidingWindow): DoubleTensor {
  const dims = [x.dims[0]!, w.dims[0]!, ...window.output];
  const y = new Float64Array(sizeOf(dims));
  const [xs, ws] = [x.data as Float64Array, w.data as Float64Array];
  eachPair(dims[0]!, x.dims[1]!, w.dims[0]!, groups, window, (atX, atY, atW) => {
    y[atY]! += xs[atX]! * ws[atW]!;
  });
  if (!bias) return { type: "double", dims, data: y };
  return { type: "double", dims, data: y.map((value, i) => value + (bias.data as Float64Array)[Math.floor(i / sizeOf(window.output)) % dims[1]!]!) };
}

/** The transpose of {@link conv}, which `window` belongs to: it goes over what is written. */
export function convTranspose(x: Tensor, w: Tensor, groups: number, window: SlidingWindow): DoubleTensor {
  const dims = [x.dims[0]!, w.dims[1]! * groups, ...window.input];
  const y = new Float64Array(sizeOf(dims));
  const [xs, ws] = [x.data as Float64Array, w.data as Float64Array];
  eachPair(dims[0]!, dims[1]!, x.dims[1]!, groups, window, (atY, atX, atW) => {
    y[atY]! += xs[atX]! * ws[atW]!;
  });
  return { type: "double", dims, data: y };
}

/** Every product of a convolution: places in its input, its output and its weights. */
function eachPair(
  batch: number,
  channels: number,
  filters: number,
  groups: number,
  window: SlidingWindow,
  visit: (atInput: number, atOutput: number, atWeights: number) => void,
): void {
  const { positions, taps, places } = readsOf(window);
  const plane = sizeOf(window.input);
  const perGroup = channels / groups;
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < filters; k++) {
      const first = Math.floor(k / (filters / groups)) * perGroup;
      for (let c = 0; c < perGroup; c++) {
        for (let i = 0; i < positions * taps; i++) {
          if (places[i]! < 0) continue;
          visit(
            (n * channels + first + c) * plane + places[i]!,
            (n * filters + k) * positions + Math.floor(i / taps),
            (k * perGroup + c) * taps + (i % taps),
          );
        }
      }
    }
  }
}

export function maxPool(x: Tensor, window: SlidingWindow): DoubleTensor {
  return pool(x, window, (values) => Math.max(...values));
}

/** Padding counts with `includePad`, but not what ceil_mode adds beyond it. */
export function averagePool(x: Tensor, window: SlidingWindow, includePad: boolean): DoubleTensor {
  const { kernel, strides, dilations, before, after, input, output } = window;
  const counted = (position: number, axis: number) =>
    Array.from({ length: kernel[axis]! }, (_, tap) => position * strides[axis]! - before[axis]! + tap * dilations[axis]!).filter(
      (at) => at < input[axis]! + after[axis]!,
    ).length;
  const paddedCounts = indices(output).map((position) => position.reduce((count, p, axis) => count * counted(p, axis), 1));
  return pool(
    x,
    window,
    (values, position) => values.reduce((sum, value) => sum + value, 0) / (includePad ? paddedCounts[position]! : values.length),
  );
}

function pool(x: Tensor, window: SlidingWindow, combine: (values: readonly number[], position: number) => number): DoubleTensor {
  const { positions, taps, places } = readsOf(window);
  const dims = [...x.dims.slice(0, 2), ...window.output];
  const plane = sizeOf(window.input);
  const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => {
    const position = i % positions;
    const start = Math.floor(i / positions) * plane;
    const read = places.subarray(position * taps, (position + 1) * taps).filter((place) => place >= 0);
    return combine(
      Array.from(read, (place) => Number(x.data[start + place])),
      position,
    );
  });
  return { type: "double", dims, data };
}
