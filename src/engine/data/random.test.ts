import { describe, expect, it } from "vitest";
import { createRandom, integerBelow, normal, permutation, sampleIndices, xoshiro128 } from "./random.ts";

describe("xoshiro128**", () => {
  it("gives the reference implementation's first numbers for the state 1, 2, 3, 4", () => {
    const state = Uint32Array.of(1, 2, 3, 4);
    expect(Array.from({ length: 10 }, () => xoshiro128(state))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });
});

describe("createRandom", () => {
  it("repeats for a seed and stream and differs for others", () => {
    const first = (seed: number, stream: number) => createRandom(seed, stream).next();
    expect(first(1005, 3)).toBe(first(1005, 3));
    expect(new Set([first(1, 0), first(2, 0), first(1, 1), first(1, 2), first(0, 0)]).size).toBe(5);
  });

  it("is uniform and normal enough", () => {
    const random = createRandom(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) counts[integerBelow(random, 10)]!++;
    // Chi-squared with 9 degrees of freedom: 27.9 is passed by chance once in a thousand.
    expect(counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9);
    const draws = Array.from({ length: 20_000 }, () => normal(random));
    expect(Math.abs(draws.reduce((sum, x) => sum + x, 0) / draws.length)).toBeLessThan(0.03);
    expect(draws.reduce((sum, x) => sum + x * x, 0) / draws.length).toBeCloseTo(1, 1);
  });
});

describe("integerBelow", () => {
  it("draws anew what would make some numbers likelier", () => {
    // 2^32 = 1 (mod 3): of the 2^32 draws, the one with low half 0 is one too many.
    const draws = [0, 1, 2 ** 32 - 1].map((bits) => bits / 2 ** 32);
    const random = { next: () => draws.shift()! };
    expect(integerBelow(random, 3)).toBe(0);
    expect(draws).toHaveLength(1);
    expect(integerBelow(random, 3)).toBe(2);
  });

  it("gives nothing but 0 below 1, and stays below 2^32", () => {
    const random = { next: () => (2 ** 32 - 1) / 2 ** 32 };
    expect(integerBelow(random, 1)).toBe(0);
    expect(integerBelow(random, 2 ** 32)).toBe(2 ** 32 - 1);
  });
});

describe("sampleIndices", () => {
  it("gives distinct numbers, all of them where as many are asked for", () => {
    const random = createRandom(1);
    expect(new Set(sampleIndices(random, 1000, 32)).size).toBe(32);
    expect(permutation(random, 50).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(sampleIndices(random, 3, 10)).toHaveLength(3);
  });
});
