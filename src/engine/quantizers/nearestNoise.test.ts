import { describe, expect, it } from "vitest";
import { nearestSqnr } from "./nearestNoise.ts";

describe("nearestSqnr", () => {
  it("gives the signal to noise of the best grid, worked by hand", () => {
    // Two bits: 0, 1, 2, 3 err by 0.5 at 1.5; nine tenths of it, 0, 0.9, 1.8, 2.7, by 0.1, 0.3 and 0.3, and less than the other shares.
    const weights = Float32Array.of(0, 1, 1.5, 3);
    expect(nearestSqnr(weights, 1, 100)["2"]).toBeCloseTo(10 * Math.log10((1 + 2.25 + 9) / (0.01 + 0.09 + 0.09)), 5);
  });

  it("clips outliers where that costs less than coarse steps", () => {
    // 1,000 weights in -0.1..0.1 and one of 0.3: the full range would give steps of 0.13.
    const weights = Float32Array.from({ length: 1001 }, (_, i) => (i === 1000 ? 0.3 : Math.sin(i) / 10));
    const signal = weights.reduce((sum, w) => sum + w * w, 0);
    const scale = Math.fround(0.3 + 0.1) / 3;
    const zero = Math.round(0.1 / scale);
    const fullRange = weights.reduce((sum, w) => sum + (w - (Math.min(Math.max(Math.round(w / scale) + zero, 0), 3) - zero) * scale) ** 2, 0);
    expect(nearestSqnr(weights, 1, 2000)["2"]).toBeGreaterThan(10 * Math.log10(signal / fullRange) + 1);
  });

  it("gains about 6 dB a bit and looks at whole channels only", () => {
    const weights = Float32Array.from({ length: 64 * 256 }, (_, i) => Math.sin(i * 12.9898) * (1 + (i % 7)));
    const all = nearestSqnr(weights, 64, weights.length);
    expect(all["8"]! - all["7"]!).toBeGreaterThan(5);
    expect(all["8"]! - all["7"]!).toBeLessThan(7);
    const some = nearestSqnr(weights, 64, 1024);
    expect(Math.abs(some["4"]! - all["4"]!)).toBeLessThan(1);
  });

  it("leaves out what has no noise or no signal", () => {
    expect(nearestSqnr(new Float32Array(8), 2, 8)).toEqual({});
  });
});
