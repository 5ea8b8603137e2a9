import { expect, test } from "vitest";
import type { Detection } from "../data/box.ts";
import { suppressOverlaps } from "./suppress.ts";

function detection(left: number, score: number, one = 0): Detection {
  return { left, top: 0, right: left + 10, bottom: 10, class: one, score };
}

test("keeps the best of boxes that overlap, class by class, best first", () => {
  const [weak, best, other, far] = [detection(1, 0.5), detection(0, 0.9), detection(1, 0.4, 1), detection(40, 0.6)];
  expect(suppressOverlaps([weak, best, other, far], 0.5)).toEqual([best, far, other]);
});

test("a box that is left out suppresses no others", () => {
  // IoU of neighbours 4 apart: 6 / 14 = 0.43; of the ends 8 apart: 2 / 18 = 0.11.
  const [a, b, c] = [detection(0, 0.9), detection(4, 0.8), detection(8, 0.7)];
  expect(suppressOverlaps([a, b, c], 0.4)).toEqual([a, c]);
  expect(suppressOverlaps([a, b, c], 0.43)).toEqual([a, b, c]);
});
