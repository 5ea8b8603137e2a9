import { expect, it } from "vitest";
import { bitsSummary, frontToCsv, frontToMarkdown } from "./frontTable.ts";
import type { Front } from "./searchResult.ts";

const front: Front = {
  cost: "bops",
  points: [
    { bits: { "=evil": 8, a: 2, b: 2 }, predictedLoss: 0.5, costs: { size: 1000, bops: 4_096_000_000 } },
    { bits: { "=evil": 8, a: 4, b: "fp32" }, predictedLoss: 0.0123456, costs: { size: 2000, bops: 8_192_000_000 } },
  ],
};

it("writes a row a point and a column a layer, with raw numbers and no formulas", () => {
  expect(frontToCsv(front)).toBe("bops,size,predicted loss,'=evil,a,b\n4096000000,1000,0.5,8,2,2\n8192000000,2000,0.0123456,8,4,fp32\n");
});

it("sums up the bits, the fewest first", () => {
  expect(front.points.map(bitsSummary)).toEqual(["2 × 2, 1 × 8", "1 × 4, 1 × 8, 1 × FP32"]);
});

it("writes a Markdown table", () => {
  const lines = frontToMarkdown(front).trimEnd().split("\n");
  expect(lines[0]).toBe("| bops | size | predicted loss | layers × bits |");
  expect(lines[3]).toBe("| 8.192 G | 2.00 kB | 0.0123 | 1 × 4, 1 × 8, 1 × FP32 |");
});
