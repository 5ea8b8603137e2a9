import { describe, expect, it } from "vitest";
import { weightBytes } from "../../../src/engine/export/size.ts";
import { estimate } from "./estimate.ts";

const layer = (name: string, shape: number[]) => ({
  name,
  op: "Conv",
  block: "b",
  stage: "s",
  shape,
  parameters: shape.reduce((a, b) => a * b),
  weights: shape.reduce((a, b) => a * b),
  channels: shape[0]!,
  macs: 1000,
  weightRange: [-1, 1] as [number, number],
  nearestSqnr: {},
});
const layers = [layer("a", [3, 5]), layer("b", [4, 2, 3, 3])];
const sensitivity = {
  model: "",
  fingerprint: "",
  measure: "",
  candidates: [2, 4],
  samples: 1,
  complete: true,
  layers: [
    { layer: "a", block: "b", losses: { 2: 1, 4: 0.1 } },
    { layer: "b", block: "b", losses: { 2: 2, 4: 0.2 } },
  ],
  pairs: [{ block: "b", layers: ["a", "b"] as [string, string], bits: [2, 2] as [number, number], loss: -0.5 }],
  crossings: [],
};

describe("estimate", () => {
  it.each([2, 3, 4, 8] as const)("has the engine's size at %i bits", (bits) => {
    const set = { weights: bits, activations: "fp32" as const };
    const total = estimate(layers, { a: set, b: set });
    for (const format of ["native", "portable"] as const) {
      expect(total[format]).toBe(layers.reduce((sum, { shape }) => sum + weightBytes({ dims: shape, axis: 0, bits }, format), 0));
    }
  });

  it("weighs bits by weights and counts bit-operations", () => {
    const total = estimate(layers, { a: { weights: 2, activations: 4 } });
    expect(total.averageBits).toBeCloseTo((15 * 2 + 72 * 32) / 87, 10);
    expect(total.bitOperations).toBe(1000 * 2 * 4 + 1000 * 32 * 32);
    expect(total.fp32).toBe(4 * 87);
    expect(total.loss).toBeUndefined();
  });

  it("adds the layers' losses and the pairs' terms, and says what is unknown", () => {
    const set = (bits: 2 | 4 | 3) => ({ weights: bits, activations: "fp32" as const });
    expect(estimate(layers, { a: set(2), b: set(2) }, sensitivity)).toMatchObject({ loss: 2.5, unknown: 0 });
    expect(estimate(layers, { a: set(2), b: set(4) }, sensitivity).loss).toBeCloseTo(1.2, 10);
    expect(estimate(layers, { a: set(3), b: set(4) }, sensitivity)).toMatchObject({ loss: 0.2, unknown: 1 });
  });
});
