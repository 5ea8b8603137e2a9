import { describe, expect, it } from "vitest";
import { floatTensor, sizeOf } from "../../onnx/tensor.ts";
import { cellCount } from "./decoder.ts";
import { nanodetDecoder } from "./nanodet.ts";
import { scoredBoxesDecoder } from "./scoredBoxes.ts";
import { yoloxDecoder } from "./yolox.ts";

const canvas = { width: 64, height: 32 };

/** An output [samples, rows, length] of zeros but for some rows. */
function rows(dims: readonly number[], filled: Readonly<Record<number, readonly number[]>>) {
  const data = new Float32Array(sizeOf(dims));
  for (const [row, values] of Object.entries(filled)) data.set(values, Number(row) * dims[2]!);
  return floatTensor(data, dims);
}

describe("yolox", () => {
  // Strides 8, 16 and 32 make grids of 8x4, 4x2 and 2x1.
  const cells = 32 + 8 + 2;

  it("adds the cell, scales by the stride and multiplies objectness with each class", () => {
    const filled = {
      [8 + 3]: [0.5, 0.25, Math.log(2), 0, 0.8, 0.1, 0.5],
      [32 + 8 + 1]: [0, 0, 0, 0, 0.5, 0.9, 0],
    };
    const found = yoloxDecoder(canvas)({ output: rows([1, cells, 7], filled) }, 0);
    expect(found.map(({ class: one }) => one)).toEqual([0, 1, 0]);
    // Row 41 is cell (1, 0) of stride 32: centre (32, 0), 32 wide. Row 11 is cell (3, 1) of stride 8: centre (28, 10), 16x8.
    expect(found[0]).toMatchObject({ left: 16, top: -16, right: 48, bottom: 16, score: expect.closeTo(0.45, 6) });
    expect(found[1]).toMatchObject({ left: expect.closeTo(20, 4), top: 6, right: expect.closeTo(36, 4), bottom: 14, score: expect.closeTo(0.4, 6) });
  });

  it("reads the sample asked for", () => {
    const output = rows([2, cells, 7], { [cells]: [0, 0, 0, 0, 1, 1, 0] });
    expect(yoloxDecoder(canvas)({ output }, 0)).toEqual([]);
    expect(yoloxDecoder(canvas)({ output }, 1)).toHaveLength(1);
  });

  it("refuses other outputs", () => {
    expect(() => yoloxDecoder(canvas)({ output: rows([1, cells + 1, 7], {}) }, 0)).toThrow(
      'The decoder "yolox" reads one output [batch, 42, 5 + classes], and the model gives output: float [1, 43, 7].',
    );
  });
});

describe("nanodet", () => {
  const bins = (at: number) => Array.from({ length: 8 }, (_, i) => (i === at ? 50 : 0));

  it.each([
    ["NanoDet", [8, 16, 32], 0.5],
    ["NanoDet-Plus", [8, 16, 32, 64], 0],
  ] as const)("reads distances to the sides from distributions (%s)", (_, strides, centre) => {
    const row = [0.1, 0.6, ...bins(1), ...bins(0), ...bins(2), ...bins(1)];
    const output = rows([1, cellCount(canvas, strides), 34], { 11: row });
    const found = nanodetDecoder(canvas)({ output }, 0);
    const [x, y] = [(3 + centre) * 8, (1 + centre) * 8];
    const box = { left: x - 8, top: y, right: x + 16, bottom: y + 8 };
    expect(found).toMatchObject([
      { class: 1, score: expect.closeTo(0.6, 6) },
      { class: 0, score: expect.closeTo(0.1, 6) },
    ]);
    for (const [side, value] of Object.entries(box)) expect(found[0]![side as "left"]).toBeCloseTo(value, 5);
  });

  it("takes the mean of a distribution", () => {
    const even = [0, 0, -99, -99, -99, -99, -99, -99];
    const output = rows([1, cellCount(canvas, [8, 16, 32]), 33], { 11: [1, ...even, ...even, ...even, ...even] });
    expect(nanodetDecoder(canvas)({ output }, 0)[0]).toMatchObject({ left: expect.closeTo(24, 5), right: expect.closeTo(32, 5) });
  });
});

describe("boxes and scores", () => {
  const scores = rows([1, 2, 3], { 0: [0.1, 0.9, 0], 1: [0.9, 0, 0.1] });

  it("reads corners in shares of the image, and skips the background", () => {
    const boxes = rows([1, 2, 4], { 0: [0.25, 0.5, 0.5, 1], 1: [0, 0, 1.02, 1] });
    const found = scoredBoxesDecoder(canvas, { format: "corners", outputOffset: 1 })({ scores, boxes }, 0);
    expect(found[0]).toMatchObject({ left: 16, top: 16, right: 32, bottom: 32, class: 0 });
    expect(found[1]).toMatchObject({ left: 0, top: 0, class: 1, score: expect.closeTo(0.1, 6) });
    expect(found).toHaveLength(2);
  });

  it("reads centres and sizes in pixels", () => {
    const boxes = rows([1, 2, 4], { 0: [20, 10, 8, 4], 1: [50, 10, 8, 4] });
    const found = scoredBoxesDecoder(canvas, { format: "center", outputOffset: 0 })({ boxes, scores }, 0);
    expect(found.map(({ left, top, right, bottom, class: one }) => [left, top, right, bottom, one])).toEqual([
      [16, 8, 24, 12, 1],
      [46, 8, 54, 12, 0],
      [16, 8, 24, 12, 0],
      [46, 8, 54, 12, 2],
    ]);
  });

  it("tells boxes from four scores by the name", () => {
    const boxes = rows([1, 1, 4], { 0: [0, 0, 8, 8] });
    const chances = rows([1, 1, 4], { 0: [0, 0, 0, 1] });
    expect(scoredBoxesDecoder(canvas, { format: "corners", outputOffset: 0 })({ chances, out_boxes: boxes }, 0)).toMatchObject([
      { right: 8, class: 3, score: 1 },
    ]);
    expect(() => scoredBoxesDecoder(canvas, { format: "corners", outputOffset: 0 })({ a: boxes, b: chances }, 0)).toThrow(/reads boxes/);
  });
});
