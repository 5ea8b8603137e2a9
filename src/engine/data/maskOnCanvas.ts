/** @file Masks of classes at the size of a network's output. */
import type { Mask } from "./indexedPng.ts";
import { type PreprocessPlan, type Size, scaledPlacement } from "./preprocess.ts";

/** The class of pixels that do not count: unlabelled ones, and those of the canvas that show no image. */
export const ignoredClass = 255;

/** What the model sees of an image, of its mask: nearest neighbours, at the size of `canvas`. */
export function maskOnCanvas(plan: PreprocessPlan, mask: Mask, canvas: Size): Uint8Array {
  const place = scaledPlacement(plan, mask, canvas);
  const columns = Array.from({ length: canvas.width }, (_, x) => sourceIndex(x - place.left, place.width, mask.width));
  const out = new Uint8Array(canvas.width * canvas.height).fill(ignoredClass);
  for (let y = 0; y < canvas.height; y++) {
    const row = sourceIndex(y - place.top, place.height, mask.height);
    if (row < 0) continue;
    for (const [x, column] of columns.entries()) if (column >= 0) out[y * canvas.width + x] = mask.classes[row * mask.width + column]!;
  }
  return out;
}

/** The source pixel at the centre of pixel `at` of `length` resized ones; -1 outside. */
function sourceIndex(at: number, length: number, source: number): number {
  return at >= 0 && at < length ? Math.floor(((at + 0.5) * source) / length) : -1;
}
