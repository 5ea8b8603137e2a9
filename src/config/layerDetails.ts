/** @file What the graph view shows of one layer's numbers. */
import { z } from "zod";

const range = z.object({ from: z.number(), to: z.number() });

export const layerDetailsSchema = z.object({
  layer: z.string(),
  histogram: z.object({ ...range.shape, counts: z.array(z.number()) }).describe("Of the FP32 weights."),
  grid: z.array(z.number()).describe("Values that the quantized weights can take in one channel of median range; empty for FP32."),
  activation: range.optional().describe("Range of the layer's input, where a run measured it."),
  flipped: z.number().optional().describe("Share of weights rounded away from nearest, 0..1."),
});

export type LayerDetails = z.infer<typeof layerDetailsSchema>;
