import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { ScaleSearch } from "./scaleSearch.ts";
import { roundHalfEven } from "./weightQuantizer.ts";

let search: ScaleSearch;
beforeAll(async () => {
  search = await ScaleSearch.create(await createRuntime({ threads: 2 }));
});
afterAll(() => search.release());

interface Candidate {
  scale: number;
  zero: number;
  error: number;
}

/** The error of a channel on a grid, in double precision. */
function gridError(channel: Float32Array, scale: number, zero: number, bits: number): number {
  const top = 2 ** bits - 1;
  return channel.reduce((sum, w) => {
    const level = Math.min(Math.max(roundHalfEven(w / scale) + zero, 0), top);
    return sum + Math.abs(w - scale * (level - zero)) ** 2.4;
  }, 0);
}

/** All 80 candidates of a channel, one by one. */
function bestCandidate(channel: Float32Array, bits: number): Candidate {
  const top = 2 ** bits - 1;
  const high = Math.max(0, ...channel);
  const low = Math.min(0, ...channel);
  const candidates = Array.from({ length: 80 }, (_, i) => {
    const factor = 1 - 0.01 * i;
    const scale = Math.max(((high - low) * factor) / top, 1e-8);
    const zero = Math.min(Math.max(roundHalfEven((-low * factor) / scale), 0), top);
    return { scale, zero, error: gridError(channel, scale, zero, bits) };
  });
  return candidates.reduce((best, candidate) => (candidate.error < best.error ? candidate : best));
}

describe("ScaleSearch", () => {
  it.each([2, 3, 4, 8])("finds the least error of the 80 candidates at %i bits", async (bits) => {
    const random = new TestRandom(bits);
    const channels = 6;
    const weights = Float32Array.from({ length: channels * 40 }, (_, i) => random.uniform(-1, 1) ** 3 * (1 + Math.floor(i / 40)));
    const grid = await search.search(weights, channels, bits);
    for (let c = 0; c < channels; c++) {
      const channel = weights.subarray(c * 40, (c + 1) * 40);
      const found = gridError(channel, grid.scale[c]!, grid.zeroPoint[c]!, bits);
      // Single precision may prefer a neighbour that is as good.
      expect(found).toBeLessThanOrEqual(bestCandidate(channel, bits).error * 1.001 + 1e-12);
    }
  });

  it("keeps the zero point inside the range where all weights have one sign", async () => {
    const grid = await search.search(Float32Array.of(0.5, 0.7, 0.9, 0.6, -0.5, -0.7, -0.9, -0.6), 2, 2);
    expect([...grid.zeroPoint]).toEqual([0, 3]);
  });

  it("takes channels of zeros and of one constant", async () => {
    const { scale, zeroPoint } = await search.search(Float32Array.of(0, 0, 0, 0.3, 0.3, 0.3), 2, 4);
    expect(scale[0]).toBeGreaterThan(0);
    const level = Math.round(0.3 / scale[1]!) + zeroPoint[1]!;
    expect(scale[1]! * (level - zeroPoint[1]!)).toBeCloseTo(0.3, 6);
  });
});
