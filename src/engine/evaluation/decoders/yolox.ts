/** @file Boxes of YOLOX (Ge et al., 2021, arXiv 2107.08430): no anchors, a decoupled head, the grid not yet applied. */
import type { Detection } from "../../data/box.ts";
import { suppressOverlaps } from "../suppress.ts";
import { type Canvas, cellCount, type Decoder, forEachCell, rowsOf, wrongOutputs } from "./decoder.ts";

const strides = [8, 16, 32];
/** The settings of YOLOX's own evaluation on COCO. */
const minScore = 0.01;
const maxOverlap = 0.65;

/**
 * Reads one output [batch, cells, 5 + classes] with rows (x, y, w, h, objectness, classes…), the last two after their sigmoid.
 * Centre: (x, y) plus the cell, times the stride; size: the exponential times the stride; score: objectness x best class.
 */
export function yoloxDecoder(canvas: Canvas): Decoder {
  const cells = cellCount(canvas, strides);
  return (outputs, sample) => {
    const [output, ...others] = Object.values(outputs);
    if (others.length > 0 || output?.type !== "float" || output.dims.length !== 3 || output.dims[1] !== cells || output.dims[2]! < 6) {
      throw wrongOutputs("yolox", `one output [batch, ${cells}, 5 + classes]`, outputs);
    }
    const { length, data } = rowsOf(output, sample);
    const found: Detection[] = [];
    forEachCell(canvas, strides, (row, cellX, cellY, stride) => {
      const at = row * length;
      const [best, chance] = bestOf(data.subarray(at + 5, at + length));
      const score = data[at + 4]! * chance;
      if (!(score >= minScore)) return;
      const [x, y] = [(data[at]! + cellX) * stride, (data[at + 1]! + cellY) * stride];
      const [w, h] = [Math.exp(data[at + 2]!) * stride, Math.exp(data[at + 3]!) * stride];
      found.push({ left: x - w / 2, top: y - h / 2, right: x + w / 2, bottom: y + h / 2, class: best, score });
    });
    return suppressOverlaps(found, maxOverlap);
  };
}

function bestOf(values: Float32Array): [index: number, value: number] {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return [best, values[best]!];
}
