import { describe, expect, it } from "vitest";
import { inputSchema } from "../../config/schema.ts";
import { pixelsOf } from "./pixels.ts";
import { normalize, planPreprocessing } from "./preprocess.ts";

describe("pixelsOf", () => {
  it.each([
    ["NCHW", "RGB", [1, 3, 2, 2]],
    ["NCHW", "BGR", [1, 3, 2, 2]],
    ["NHWC", "RGB", [1, 2, 2, 3]],
  ] as const)("undoes preprocessing: %s %s", (layout, channels, dims) => {
    const plan = planPreprocessing(inputSchema.parse({ mean: [0.4, 0.5, 0.6], std: 0.25, layout, channels }), dims);
    const canvas = Uint8Array.from({ length: 12 }, (_, i) => i * 21);
    const sample = new Float32Array(12);
    normalize(plan, canvas, sample, 0);
    const found = pixelsOf(plan, sample);
    expect(found.channels).toBe(3);
    // The canvas has the model's order of channels; pictures are RGB.
    const expected = channels === "BGR" ? canvas.map((_, i) => canvas[i - (i % 3) + (2 - (i % 3))]!) : canvas;
    expect(found.data).toEqual(expected);
  });
});
