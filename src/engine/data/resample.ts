/**
 * @file Bilinear resizing with antialiasing, equal to Pillow's `Image.resize(size, BILINEAR)` in every bit: a triangle
 * filter as wide as the reduction, horizontal pass first, 22-bit fixed-point weights, 8-bit values between the passes.
 * (Pillow 13 does the vertical pass first where the height shrinks much more than the width; that moves a value by at
 * most 1 of 255.) Why not ONNX Runtime's Resize: docs/decisions/resampling.md.
 */
import type { Image } from "./image.ts";

/** 8 bits of pixel, 2 bits for sums a little over 255 or under 0, of 32. */
const precision = 22;
const half = 1 << (precision - 1);

/** Part of a resized image. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Resizes to `width` x `height` and gives the part of the result in `window` (all of it by default): only that part is
 * computed, with the same values.
 */
export function resize(image: Image, width: number, height: number, window: Window = { left: 0, top: 0, width, height }): Image {
  const rows = axisWeights(image.height, height, window.top, window.height);
  const first = rows.starts[0] ?? 0;
  const last = (rows.starts.at(-1) ?? 0) + (rows.counts.at(-1) ?? 0);
  const columns = axisWeights(image.width, width, window.left, window.width);
  const narrowed = resizeRows(image, columns, first, last);
  return resizeColumns(narrowed, rows, first);
}

/** For each output position: where its input begins, how many inputs, and their fixed-point weights (`taps` apart). */
interface AxisWeights {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Weights of the outputs `from` to `from + length` where `input` positions are resized to `output`. */
function axisWeights(input: number, output: number, from: number, length: number): AxisWeights {
  const scale = input / output;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(length);
  const counts = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  const real = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const center = (from + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(input, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      real[k] = triangle((k + start - center + 0.5) / support);
      sum += real[k]!;
    }
    for (let k = 0; k < count; k++) weights[i * taps + k] = Math.trunc((real[k]! / sum) * 2 ** precision + 0.5);
    starts[i] = start;
    counts[i] = count;
  }
  return { starts, counts, weights, taps };
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** The horizontal pass, for the input rows `first` to `last`. */
function resizeRows(image: Image, columns: AxisWeights, first: number, last: number): Image {
  const { channels } = image;
  const width = columns.starts.length;
  const out = new Uint8Array((last - first) * width * channels);
  for (let y = first; y < last; y++) {
    const row = image.data.subarray(y * image.width * channels, (y + 1) * image.width * channels);
    const target = out.subarray((y - first) * width * channels, (y - first + 1) * width * channels);
    if (channels === 3) resizeRow3(row, columns, target);
    else resizeRow1(row, columns, target);
  }
  return { width, height: last - first, channels, data: out };
}

/** A row of three channels: one walk over the weights for all of them. */
function resizeRow3(row: Uint8Array, { starts, counts, weights, taps }: AxisWeights, out: Uint8Array): void {
  for (let x = 0; x < starts.length; x++) {
    let [red, green, blue] = [half, half, half];
    const end = x * taps + counts[x]!;
    for (let k = x * taps, at = starts[x]! * 3; k < end; k++, at += 3) {
      const weight = weights[k]!;
      red += Math.imul(row[at]!, weight);
      green += Math.imul(row[at + 1]!, weight);
      blue += Math.imul(row[at + 2]!, weight);
    }
    out[x * 3] = red >> precision;
    out[x * 3 + 1] = green >> precision;
    out[x * 3 + 2] = blue >> precision;
  }
}

function resizeRow1(row: Uint8Array, { starts, counts, weights, taps }: AxisWeights, out: Uint8Array): void {
  for (let x = 0; x < starts.length; x++) {
    let sum = half;
    const end = x * taps + counts[x]!;
    for (let k = x * taps, at = starts[x]!; k < end; k++, at++) sum += Math.imul(row[at]!, weights[k]!);
    out[x] = sum >> precision;
  }
}

/** The vertical pass; `image` begins at the input row `first`. */
function resizeColumns(image: Image, rows: AxisWeights, first: number): Image {
  const height = rows.starts.length;
  const stride = image.width * image.channels;
  const out = new Uint8Array(height * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let k = 0; k < rows.counts[y]!; k++) {
      const weight = rows.weights[y * rows.taps + k]!;
      const row = (rows.starts[y]! - first + k) * stride;
      addWeighted(sums, image.data.subarray(row, row + stride), weight);
    }
    for (let i = 0; i < stride; i++) out[y * stride + i] = sums[i]! >> precision;
  }
  return { width: image.width, height, channels: image.channels, data: out };
}

function addWeighted(sums: Int32Array, row: Uint8Array, weight: number): void {
  for (let i = 0; i < row.length; i++) sums[i]! += Math.imul(row[i]!, weight);
}
