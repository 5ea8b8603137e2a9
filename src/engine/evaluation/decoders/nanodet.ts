/** @file Boxes of NanoDet and NanoDet-Plus (github.com/RangiLyu/nanodet): distances to the four sides as distributions. */
import type { Detection } from "../../data/box.ts";
import { suppressOverlaps } from "../suppress.ts";
import { type Canvas, cellCount, type Decoder, forEachCell, type Rows, rowsOf, wrongOutputs } from "./decoder.ts";

/** Distances of 0 to 7 strides, as all published models have (`reg_max` 7). */
const bins = 8;
/** NanoDet-Plus has a fourth grid, and its cells are told by their corners instead of their centres. */
const variants = [
  { strides: [8, 16, 32, 64], centre: 0 },
  { strides: [8, 16, 32], centre: 0.5 },
];
/** The settings of NanoDet's own evaluation on COCO. */
const minScore = 0.05;
const maxOverlap = 0.6;

/**
 * Reads one output [batch, cells, classes + 32] with rows (classes after their sigmoid, then 8 logits for each of left, top,
 * right and bottom): a side's distance is the expectation of its distribution, times the stride (Li et al., 2020, "Generalized
 * Focal Loss", arXiv 2006.04388, equation 6).
 */
export function nanodetDecoder(canvas: Canvas): Decoder {
  return (outputs, sample) => {
    const [output, ...others] = Object.values(outputs);
    const variant = variants.find(({ strides }) => cellCount(canvas, strides) === output?.dims[1]);
    if (others.length > 0 || output?.type !== "float" || output.dims.length !== 3 || !variant || output.dims[2]! <= 4 * bins) {
      const cells = variants.map(({ strides }) => cellCount(canvas, strides)).join(" or ");
      throw wrongOutputs("nanodet", `one output [batch, ${cells}, classes + ${4 * bins}]`, outputs);
    }
    return decodeRows(rowsOf(output, sample), canvas, variant);
  };
}

function decodeRows({ data, length }: Rows, canvas: Canvas, { strides, centre }: (typeof variants)[number]): Detection[] {
  const classes = length - 4 * bins;
  const found: Detection[] = [];
  forEachCell(canvas, strides, (row, cellX, cellY, stride) => {
    const scores = data.subarray(row * length, row * length + classes);
    if (!scores.some((score) => score >= minScore)) return;
    const [x, y] = [(cellX + centre) * stride, (cellY + centre) * stride];
    const distance = (side: number) => expectation(data.subarray(row * length + classes + side * bins).subarray(0, bins)) * stride;
    const box = {
      left: Math.max(0, x - distance(0)),
      top: Math.max(0, y - distance(1)),
      right: Math.min(canvas.width, x + distance(2)),
      bottom: Math.min(canvas.height, y + distance(3)),
    };
    for (const [one, score] of scores.entries()) if (score >= minScore) found.push({ ...box, class: one, score });
  });
  return suppressOverlaps(found, maxOverlap);
}

/** The mean of 0, 1, 2… under the softmax of the logits. */
function expectation(logits: Float32Array): number {
  const greatest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let [sum, weighted] = [0, 0];
  for (const [i, logit] of logits.entries()) {
    const weight = Math.exp(logit - greatest);
    sum += weight;
    weighted += weight * i;
  }
  return weighted / sum;
}
