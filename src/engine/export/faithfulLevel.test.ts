import { expect, it } from "vitest";
import type { Verification } from "../../config/result.ts";
import { faithfulLevel } from "./faithfulLevel.ts";

const levels = ["disabled", "basic", "extended", "all"] as const;

/** One difference a level; undefined: does not load; NaN: loads, not comparable. */
function verification(...differences: (number | undefined)[]): Verification[] {
  return differences.map((difference, i) => ({
    level: levels[i]!,
    loads: difference !== undefined,
    ...(difference !== undefined && !Number.isNaN(difference) && { maxDifference: difference }),
  }));
}

it("is the highest level that loads and does not differ", () => {
  expect(faithfulLevel(verification(0, 0, 1e-7, 5e-7))?.level).toBe("all");
  expect(faithfulLevel(verification(0, 1e-7, 0.02, 0.02))?.level).toBe("basic");
  expect(faithfulLevel(verification(0, 0, undefined, undefined))?.level).toBe("basic");
  expect(faithfulLevel(verification(0, Number.NaN, 1e-6, Number.NaN))?.level).toBe("extended");
});

it("is the nearest where all differ, and undefined where none loads", () => {
  expect(faithfulLevel(verification(0.02, 0.01, 0.3, Number.NaN))?.level).toBe("basic");
  expect(faithfulLevel(verification(undefined, undefined, undefined, Number.NaN))?.level).toBe("all");
  expect(faithfulLevel(verification(undefined, undefined, undefined, undefined))).toBeUndefined();
});
