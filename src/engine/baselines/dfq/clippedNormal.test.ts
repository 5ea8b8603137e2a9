import { describe, expect, it } from "vitest";
import { clippedNormal, leakyNormal, type Moments, normalProbability } from "./clippedNormal.ts";

/** Moments of f(x) by the trapezoid rule over ten deviations. */
function integrate({ mean, variance }: Moments, f: (x: number) => number): Moments {
  const sd = Math.sqrt(variance);
  const steps = 200_000;
  let first = 0;
  let second = 0;
  for (let i = 0; i <= steps; i++) {
    const z = -10 + (20 * i) / steps;
    const weight = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * (20 / steps);
    const y = f(mean + sd * z);
    first += weight * y;
    second += weight * y * y;
  }
  return { mean: first, variance: second - first * first };
}

describe("moments of a normal variable behind an activation", () => {
  it("has the known values of Relu at mean 0: 1/√(2π) and ½ - 1/(2π)", () => {
    const { mean, variance } = clippedNormal({ mean: 0, variance: 1 }, 0, Number.POSITIVE_INFINITY);
    expect(mean).toBeCloseTo(0.3989422804, 10);
    expect(variance).toBeCloseTo(0.5 - 1 / (2 * Math.PI), 10);
  });

  it.each([
    [{ mean: 0.7, variance: 4 }, 0, Number.POSITIVE_INFINITY],
    [{ mean: -1.2, variance: 0.25 }, 0, Number.POSITIVE_INFINITY],
    [{ mean: 4, variance: 9 }, 0, 6],
    [{ mean: -3, variance: 1 }, -4, -2.5],
    [{ mean: 1, variance: 2 }, Number.NEGATIVE_INFINITY, 0.5],
  ])("agrees with numerical integration: %j in [%f, %f]", (moments, low, high) => {
    const expected = integrate(moments, (x) => Math.min(Math.max(x, low), high));
    const found = clippedNormal(moments, low, high);
    expect(found.mean).toBeCloseTo(expected.mean, 6);
    expect(found.variance).toBeCloseTo(expected.variance, 6);
  });

  it("agrees with numerical integration for a leaky slope", () => {
    const expected = integrate({ mean: 0.3, variance: 2 }, (x) => (x > 0 ? x : 0.1 * x));
    const found = leakyNormal({ mean: 0.3, variance: 2 }, 0.1);
    expect(found.mean).toBeCloseTo(expected.mean, 6);
    expect(found.variance).toBeCloseTo(expected.variance, 6);
  });

  it("clamps the mean where nothing varies", () => {
    expect(clippedNormal({ mean: 9, variance: 0 }, 0, 6)).toEqual({ mean: 6, variance: 0 });
    expect(clippedNormal({ mean: -1, variance: 0 }, 0, Number.POSITIVE_INFINITY)).toEqual({ mean: 0, variance: 0 });
  });

  it("knows the normal distribution in the middle and in the tails", () => {
    expect(normalProbability(0)).toBe(0.5);
    expect(normalProbability(1.96)).toBeCloseTo(0.9750021049, 9);
    expect(normalProbability(-4) / 3.167124183311998e-5).toBeCloseTo(1, 9);
    expect(normalProbability(-8) / 6.220960574271785e-16).toBeCloseTo(1, 9);
  });
});
