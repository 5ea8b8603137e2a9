import { describe, expect, it } from "vitest";
import { chooseSchedule } from "./schedule.ts";

const block = { weights: 1000, layers: 2, positions: 1024, samples: 1024 };
const problem = { loss: 2, weights: 1000, grouped: false };

describe("chooseSchedule", () => {
  it("is the published recipe on demand", () => {
    const { steps, rate, lambda, beta } = chooseSchedule({ steps: "published", method: "brecq" }, [2], block);
    expect([steps, rate(0), rate(19_999)]).toEqual([20_000, 1e-3, 1e-3]);
    expect([lambda(3999, problem), lambda(4000, problem)]).toEqual([0, 0.01]);
    expect(lambda(4000, { ...problem, grouped: true })).toBe(0.1);
    expect([beta(0), beta(4000), beta(12_000), beta(20_000)]).toEqual([20, 20, 11, 2]);
  });

  it("rounds 8 bits to nearest and takes more steps the fewer bits and the more weights there are", () => {
    const steps = (bits: number[]) => chooseSchedule({ method: "brecq" }, bits, block).steps;
    expect(steps([8, 8])).toBe(0);
    expect(steps([8, 2])).toBe(steps([2]));
    expect(steps([2])).toBeGreaterThan(steps([4]));
    expect(chooseSchedule({ method: "brecq" }, [4], { ...block, weights: 200_000 }).steps).toBeGreaterThan(steps([4]));
  });

  it("trains step sizes of weights and biases, but not where the method or the published recipe keeps them", () => {
    const rate = (settings: Parameters<typeof chooseSchedule>[0]) => chooseSchedule(settings, [2], block).channelRate?.(0);
    expect(rate({ method: "brecq" })).toBeGreaterThan(0);
    expect(rate({ method: "adaround" })).toBeUndefined();
    expect(rate({ steps: "published", method: "brecq" })).toBeUndefined();
  });

  it("takes smaller steps where many layers are trained at once", () => {
    const rate = (layers: number) => chooseSchedule({ method: "brecq" }, [2], { ...block, layers }).rate(0);
    expect(rate(3)).toBe(rate(1));
    expect(rate(18)).toBeCloseTo(rate(3) / 3, 10);
  });

  it("takes half as many samples a step as the published recipe", () => {
    expect(chooseSchedule({ method: "brecq" }, [2], block).batch).toBe(16);
    expect(chooseSchedule({ steps: "published", method: "brecq" }, [2], block).batch).toBe(32);
  });

  it("takes fewer samples where each has many positions", () => {
    const batch = (positions: number) => chooseSchedule({ method: "brecq" }, [2], { ...block, positions }).batch;
    expect([1, 784, 1024, 56 * 56, 112 * 112, 416 * 416].map(batch)).toEqual([16, 16, 16, 5, 4, 4]);
  });

  it("trains half-way between quantized and FP32 where the samples have few positions, but not as AdaRound or published", () => {
    const share = (settings: Parameters<typeof chooseSchedule>[0], positions: number, samples = 500) =>
      chooseSchedule(settings, [2], { ...block, positions, samples }).fp32Share;
    expect([1, 49, 196, 3136].map((positions) => share({ method: "brecq" }, positions))).toEqual([0.5, 0.5, 0, 0]);
    expect(share({ method: "brecq" }, 196, 128)).toBe(0.5);
    expect([share({ method: "adaround" }, 49), share({ steps: "published", method: "brecq" }, 49)]).toEqual([0, 0]);
  });

  it("anneals from the first step on, and is at the least exponent before the last", () => {
    const { beta } = chooseSchedule({ steps: 100, method: "brecq" }, [2], block);
    expect([beta(0), beta(44), beta(88), beta(99)]).toEqual([20, 11, 2, 2]);
  });

  it("lets the regularizer follow the block's loss", () => {
    const { lambda } = chooseSchedule({ steps: 100, method: "brecq" }, [2], block);
    expect(lambda(50, { ...problem, loss: 4 })).toBeCloseTo(2 * lambda(50, problem), 10);
    expect(lambda(50, { ...problem, weights: 2000 })).toBeCloseTo(lambda(50, problem) / 2, 10);
    expect(lambda(0, problem)).toBe(lambda(50, problem));
  });
});
