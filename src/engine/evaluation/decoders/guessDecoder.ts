/** @file Which decoder reads a network's outputs, by their shapes. */
import type { EvaluationConfig } from "../../../config/schema.ts";
import { type Canvas, cellCount } from "./decoder.ts";

/**
 * A guess for the user to check; undefined where the outputs are none that a decoder reads. NanoDet with three grids has rows as YOLOX
 * has, so only the one with four (NanoDet-Plus) is told.
 * @param outputs dims of each output for one sample
 */
export function guessDecoder(outputs: readonly (readonly number[])[], canvas: Canvas): EvaluationConfig["decoder"] {
  const rows = outputs.filter((dims) => dims.length === 3);
  if (outputs.length === 1 && rows.length === 1) {
    const [, count, length] = rows[0] as [number, number, number];
    if (count === cellCount(canvas, [8, 16, 32, 64]) && length > 32) return "nanodet";
    return count === cellCount(canvas, [8, 16, 32]) && length > 5 ? "yolox" : undefined;
  }
  const boxes = rows.some((dims) => dims[2] === 4);
  return outputs.length === 2 && rows.length === 2 && boxes && rows[0]![1] === rows[1]![1] ? "boxes" : undefined;
}
