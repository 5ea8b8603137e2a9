/**
 * @file The matrix by which Resize maps one axis (ONNX operator specification, Resize), in single precision where ONNX Runtime computes
 * so: a position on the verge of two elements must fall to the same one.
 */
import { type AxisMatrix, axisMatrix } from "./axisMatrices.ts";

/** How Resize interpolates: its attributes by their ONNX names' meaning. */
export interface Interpolation {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: string;
  readonly nearestMode: string;
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
}

/** One axis to resize. `roi` is the region's start and end, from 0 to 1, for `tf_crop_and_resize`. */
export interface ResizedAxis {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  readonly roi: readonly [number, number];
}

/** Values of `coordinate_transformation_mode`. */
export const coordinateModes = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] as const;

const f = Math.fround;

/** The matrix [output, input] of an axis. */
export function interpolationMatrix(interpolation: Interpolation, resized: ResizedAxis): AxisMatrix {
  const { input, output, axis } = resized;
  const rows = Array.from({ length: output }, (_, place) => {
    const row = new Array<number>(input).fill(0);
    const x = sourcePosition(interpolation.coordinates, resized, place);
    // Outside of the region there is the extrapolation value, which depends on no input.
    const outside = interpolation.coordinates === "tf_crop_and_resize" && (x < 0 || x > input - 1);
    if (!outside) for (const [index, weight] of taps(interpolation, x, input)) row[index]! += weight;
    return row;
  });
  return axisMatrix(axis, output, input, (row, column) => rows[row]![column]!);
}

/** Where an output position lies in the input. */
function sourcePosition(coordinates: string, { input, output, scale, roi }: ResizedAxis, place: number): number {
  const halfPixel = f(f(f(place + 0.5) / f(scale)) - 0.5);
  switch (coordinates) {
    case "asymmetric":
      return f(place / f(scale));
    case "pytorch_half_pixel":
      return output > 1 ? halfPixel : 0;
    case "tf_half_pixel_for_nn":
      return f(f(place + 0.5) / f(scale));
    case "align_corners":
      return output > 1 ? f(f(place * (input - 1)) / f(output - 1)) : 0;
    case "half_pixel_symmetric": {
      const adjustment = f(output / f(f(scale) * input));
      return f(f(f(input / 2) * f(1 - adjustment)) + halfPixel);
    }
    case "tf_crop_and_resize": {
      const [start, end] = roi;
      if (output === 1) return f(0.5 * (start + end) * (input - 1));
      return f(f(f(start) * (input - 1)) + f(f(f(place * f(f(end) - f(start))) * (input - 1)) / f(output - 1)));
    }
    default:
      return halfPixel;
  }
}

/** The input elements that a position is made of, with their weights. */
function taps({ mode, nearestMode, cubicCoefficient, excludeOutside }: Interpolation, x: number, input: number): [index: number, weight: number][] {
  const clamp = (index: number) => Math.min(Math.max(index, 0), input - 1);
  if (mode === "nearest") return [[clamp(nearestIndex(nearestMode, x)), 1]];
  if (mode === "linear") {
    const inside = clamp(x);
    const low = Math.floor(inside);
    return [
      [low, 1 - (inside - low)],
      [clamp(low + 1), inside - low],
    ];
  }
  const first = Math.floor(x) - 1;
  const weights = cubicWeights(x - Math.floor(x), cubicCoefficient);
  const counted = weights.map((weight, i) => (excludeOutside && first + i !== clamp(first + i) ? 0 : weight));
  const total = counted.reduce((sum, weight) => sum + weight);
  return counted.map((weight, i) => [clamp(first + i), weight / total]);
}

function nearestIndex(nearestMode: string, x: number): number {
  switch (nearestMode) {
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Weights of the four elements around a position `t` after the second of them (Keys 1981, equation 4, with a free coefficient). */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}
