/** @file Networks that give boxes and scores as two outputs, as SSD-like detectors are exported. */
import type { Detection } from "../../data/box.ts";
import type { Tensor } from "../../onnx/tensor.ts";
import { suppressOverlaps } from "../suppress.ts";
import { type Canvas, type Decoder, type Outputs, rowsOf, wrongOutputs } from "./decoder.ts";

const minScore = 0.01;
const maxOverlap = 0.5;
/** Coordinates in shares of the image reach a little past 1 at its edges; in pixels they are far above. */
const greatestShare = 2;

export interface ScoredBoxesSettings {
  /** `corners`: left, top, right, bottom. `center`: centre x, centre y, width, height. */
  readonly format: "corners" | "center";
  /** Leading scores to skip, e.g. 1 for a background class. */
  readonly outputOffset: number;
}

/**
 * Reads an output of boxes [batch, n, 4] and one of scores [batch, n, classes], each class's score after its softmax or
 * sigmoid; where both have four columns, the output with "box" in its name is the boxes. Coordinates are shares of the
 * image where none in the batch is above 2, and pixels of the model's input otherwise.
 */
export function scoredBoxesDecoder(canvas: Canvas, { format, outputOffset }: ScoredBoxesSettings): Decoder {
  return (outputs, sample) => {
    const { boxes, scores } = boxesAndScores(outputs, outputOffset);
    const relative = (boxes.data as Float32Array).every((coordinate) => coordinate <= greatestShare);
    const [scaleX, scaleY] = relative ? [canvas.width, canvas.height] : [1, 1];
    const { data: corners, count } = rowsOf(boxes, sample);
    const { data: chances, length } = rowsOf(scores, sample);
    const found: Detection[] = [];
    for (let row = 0; row < count; row++) {
      const [a, b, c, d] = corners.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number];
      const [left, top, right, bottom] = format === "corners" ? [a, b, c, d] : [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
      for (let column = outputOffset; column < length; column++) {
        const score = chances[row * length + column]!;
        if (!(score >= minScore)) continue;
        const box = { left: left * scaleX, top: top * scaleY, right: right * scaleX, bottom: bottom * scaleY };
        found.push({ ...box, class: column - outputOffset, score });
      }
    }
    return suppressOverlaps(found, maxOverlap);
  };
}

function boxesAndScores(outputs: Outputs, outputOffset: number): { boxes: Tensor; scores: Tensor } {
  const rows = Object.entries(outputs).filter(([, { type, dims }]) => type === "float" && dims.length === 3);
  const four = rows.filter(([, { dims }]) => dims[2] === 4);
  const [, boxes] = (four.length === 1 ? four[0] : four.find(([name]) => /box/i.test(name))) ?? [];
  const scores = rows.find(([, tensor]) => tensor !== boxes)?.[1];
  const fit = boxes && scores && rows.length === 2 && boxes.dims[1] === scores.dims[1] && scores.dims[2]! > outputOffset;
  if (fit) return { boxes, scores };
  throw wrongOutputs("boxes", `boxes [batch, n, 4] and scores [batch, n, classes${outputOffset > 0 ? ` + ${outputOffset}` : ""}]`, outputs);
}
