import { expect, test } from "vitest";
import { layerBits } from "./bits.ts";

const run = { weights: 2, activations: 4, firstLast: 8 } as const;

test("a layer has the run's bits, an end has firstLast, an override goes before both", () => {
  expect(layerBits(run, false)).toEqual({ weights: 2, activations: 4 });
  expect(layerBits(run, true)).toEqual({ weights: 8, activations: 8 });
  expect(layerBits(run, true, { weights: 3 })).toEqual({ weights: 3, activations: 8 });
  expect(layerBits(run, false, { activations: "fp32" })).toEqual({ weights: 2, activations: "fp32" });
});

test("FP32 activations stay so at the ends", () => {
  expect(layerBits({ ...run, activations: "fp32" }, true)).toEqual({ weights: 8, activations: "fp32" });
});
