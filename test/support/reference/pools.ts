/** @file Pooling windows to test. */
import type { SlidingWindow } from "../../../src/engine/autodiff/slidingWindow.ts";
import type { TestRandom } from "../random.ts";

export interface PoolCase {
  title: string;
  input: number[];
  kernel: number[];
  strides: number[];
  pads?: number[];
  dilations?: number[];
  ceil?: boolean;
}

export const poolCases: PoolCase[] = [
  { title: "2x2 without overlap", input: [4, 6], kernel: [2, 2], strides: [2, 2] },
  { title: "windows that leave a rest", input: [5, 7], kernel: [2, 3], strides: [2, 3] },
  { title: "windows that touch, with padding", input: [5, 6], kernel: [3, 3], strides: [3, 3], pads: [1, 1, 0, 2] },
  { title: "3x3 stride 2 with padding", input: [7, 6], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { title: "overlapping, stride 1", input: [5, 5], kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { title: "overlapping far", input: [5, 6], kernel: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] },
  { title: "asymmetric pads", input: [6, 5], kernel: [3, 2], strides: [2, 1], pads: [0, 1, 2, 0] },
  { title: "ceil_mode", input: [6, 7], kernel: [3, 2], strides: [2, 2], ceil: true },
  { title: "ceil_mode with padding", input: [6, 7], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil: true },
  { title: "strides wider than the kernel", input: [7, 7], kernel: [2, 2], strides: [3, 3] },
  { title: "one axis", input: [9], kernel: [3], strides: [2], pads: [1, 1] },
  { title: "one axis without overlap", input: [9], kernel: [3], strides: [3] },
  { title: "three axes", input: [4, 3, 4], kernel: [2, 3, 2], strides: [2, 1, 2], pads: [0, 1, 0, 0, 1, 0] },
  { title: "three axes without overlap", input: [4, 3, 2], kernel: [2, 1, 2], strides: [2, 1, 2] },
];

export function poolWindow({ input, kernel, strides, pads = [...kernel, ...kernel].map(() => 0), ...rest }: PoolCase): SlidingWindow {
  const dilations = rest.dilations ?? kernel.map(() => 1);
  const before = pads.slice(0, kernel.length);
  const after = pads.slice(kernel.length);
  const output = input.map((length, axis) => {
    const span = length + before[axis]! + after[axis]! - (kernel[axis]! - 1) * dilations[axis]! - 1;
    const places = Math.floor(span / strides[axis]!) + 1;
    // A place that ceil_mode adds must begin in the input or in the padding before it.
    const another = rest.ceil && span % strides[axis]! > 0 && places * strides[axis]! < length + before[axis]!;
    return another ? places + 1 : places;
  });
  return { kernel, strides, dilations, before, after, input, output };
}

export function poolAttributes({ kernel, strides, pads, dilations, ceil }: PoolCase) {
  return { kernel_shape: kernel, strides, pads, dilations, ceil_mode: ceil ? 1 : 0 };
}

/** A random window over two axes; pads are smaller than the kernel, so that no window lies outside of the input. */
export function randomPool(random: TestRandom): PoolCase {
  const kernel = [random.integer(1, 4), random.integer(1, 3)];
  const pads = [...kernel, ...kernel].map((length) => random.integer(0, Math.min(length - 1, 2)));
  const input = kernel.map((length) => random.integer(length, length + 4));
  return { title: "random", input, kernel, strides: [random.integer(1, 4), random.integer(1, 3)], pads, ceil: random.pick([false, true]) };
}
