/** @file Boxes of YOLOX (Ge et al., 2021, arXiv 2107.08430): no anchors, a decoupled head, the grid not yet applied. */
import type { Detection } from "../../data/box.ts";
import { suppressOverlaps } from "../suppress.ts";
import { type Canvas, cellCount, type Decoder, forEachCell, rowsOf, wrongOutputs } from "./decoder.ts";

const strides = [8, 16, 32];
/** Low, because average precision looks at all recalls: on ../shared/data/coco128 it gives 49.9 AP50, and 0.01 with only the best class 48.8. */
const minScore = 0.001;
/** That of YOLOX's own evaluation on COCO. */
const maxOverlap = 0.65;

/**
 * Reads one output [batch, cells, 5 + classes] with rows (x, y, w, h, objectness, classes…), the last two after their sigmoid.
 * Centre: (x, y) plus the cell, times the stride; size: the exponential times the stride; score of each class: objectness x class.
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
      const objectness = data[at + 4]!;
      if (!(objectness >= minScore)) return;
      const [x, y] = [(data[at]! + cellX) * stride, (data[at + 1]! + cellY) * stride];
      const [w, h] = [Math.exp(data[at + 2]!) * stride, Math.exp(data[at + 3]!) * stride];
      const box = { left: x - w / 2, top: y - h / 2, right: x + w / 2, bottom: y + h / 2 };
      for (let one = 0; one < length - 5; one++) {
        const score = objectness * data[at + 5 + one]!;
        if (score >= minScore) found.push({ ...box, class: one, score });
      }
    });
    return suppressOverlaps(found, maxOverlap);
  };
}
