import { describe, expect, it } from "vitest";
import { Agreement, bestClass, rankOf, SignalToNoise, TopAccuracy } from "./metrics.ts";

describe("classes", () => {
  it("chooses the first of equal outputs and skips the background", () => {
    expect(bestClass(Float32Array.of(1, 3, 3), 0, 3, 0)).toBe(1);
    expect(bestClass(Float32Array.of(9, 3, 4), 0, 3, 1)).toBe(1);
  });

  it("ranks a label by how many outputs beat it", () => {
    const outputs = Float32Array.of(0.1, 0.5, 0.4, 0.5);
    expect([0, 1, 2, 3].map((label) => rankOf(outputs, 0, 4, 0, label))).toEqual([3, 0, 2, 1]);
  });

  it("counts a row that is not a number as missed", () => {
    const accuracy = new TopAccuracy(2, 0);
    accuracy.add(Float32Array.of(NaN, NaN, NaN, 1, 0, 1), Int32Array.of(0, 1, 1));
    expect(accuracy.result.top1).toBeCloseTo(100 / 3, 10);
    const agreement = new Agreement(2, 0);
    agreement.add(Float32Array.of(NaN, 0, 1, 0), Float32Array.of(NaN, 0, 1, NaN));
    expect(agreement.result).toBe(0);
  });
});

describe("TopAccuracy", () => {
  it("counts over batches", () => {
    const accuracy = new TopAccuracy(6, 0);
    accuracy.add(Float32Array.of(6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1), Int32Array.of(0, 5));
    accuracy.add(Float32Array.of(6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1), Int32Array.of(4, 1));
    expect(accuracy.result).toEqual({ top1: 25, top5: 75 });
  });

  it("has no top-5 of five classes", () => {
    const accuracy = new TopAccuracy(6, 1);
    accuracy.add(Float32Array.of(9, 1, 2, 3, 4, 5), Int32Array.of(4));
    expect(accuracy.result).toEqual({ top1: 100 });
  });
});

describe("Agreement and SignalToNoise", () => {
  it("compares choices, not values", () => {
    const agreement = new Agreement(2, 0);
    agreement.add(Float32Array.of(1, 0, 0, 1), Float32Array.of(0.2, 0.1, 3, 1));
    expect(agreement.result).toBe(50);
  });

  it("gives decibels of a worked case", () => {
    const noise = new SignalToNoise();
    noise.add([3, 4], [3, 3.5]);
    expect(noise.result).toBeCloseTo(20, 10); // 25 / 0.25
    noise.add([1], [1]);
    expect(noise.result).toBeCloseTo(10 * Math.log10(26 / 0.25), 10);
  });

  it("has no value without noise", () => {
    const noise = new SignalToNoise();
    noise.add([1, 2], [1, 2]);
    expect(noise.result).toBeUndefined();
  });

  it("is as bad as can be where only the quantized network gives no number", () => {
    const noise = new SignalToNoise();
    noise.add([1, -Infinity, 2], [1, -Infinity, 2]);
    expect(noise.result).toBeUndefined();
    noise.add([1, 2], [1, NaN]);
    expect(noise.result).toBe(-200);
  });
});
