/** @file What becomes of a sweep: the figures of its runs, and the table that is gathered from them. */
import { z } from "zod";
import { metricsSchema } from "./result.ts";

export const runFiguresSchema = z
  .object({
    metrics: metricsSchema,
    weightBytes: z.number().describe("Size of the weights at the run's bits, packed as a native file packs them, whatever the run exports."),
    fileBytes: z.number(),
    fp32Bytes: z.number(),
    averageBits: z.number().describe("Bits of a weight, averaged over all weights."),
    steps: z.number().describe("Steps of all blocks together."),
    seconds: z.number(),
    peakMemoryBytes: z.number(),
  })
  .describe("What a sweep keeps of a run's result.");

export const runStateSchema = z.enum(["waiting", "running", "done", "reused", "failed", "cancelled"]);

export const sweepRowSchema = z
  .object({
    model: z.string(),
    setting: z.string().describe("The runs' name without its seed."),
    method: z.string(),
    weights: z.union([z.number(), z.literal("fp32"), z.literal("mixed")]),
    activations: z.union([z.number(), z.literal("fp32")]),
    runs: z.array(z.object({ run: z.string(), seed: z.number(), state: runStateSchema, error: z.string().optional() })),
    values: z.array(z.number()).describe("The model's metric, one a finished seed."),
    mean: z.number().optional(),
    deviation: z.number().optional().describe("Sample standard deviation; absent for fewer than two values."),
    agreement: z.number().optional(),
    sqnr: z.number().optional(),
    weightBytes: z.number().optional(),
    averageBits: z.number().optional(),
    seconds: z.number().optional(),
    best: z.boolean().describe("On the Pareto front: no other setting of this model is both as small and as good."),
  })
  .describe("One setting of one model, averaged over seeds.");

export const sweepModelSchema = z.object({
  name: z.string(),
  metric: z.string(),
  unit: z.string(),
  fp32: z.number().optional().describe("The metric of the FP32 network."),
  fp32Bytes: z.number().optional(),
  images: z.number(),
});

export const sweepTableSchema = z.object({
  sweep: z.string().describe("The sweep file's name."),
  complete: z.boolean().describe("True once every run has ended."),
  models: z.array(sweepModelSchema),
  rows: z.array(sweepRowSchema),
});

export type RunFigures = z.infer<typeof runFiguresSchema>;
export type RunState = z.infer<typeof runStateSchema>;
export type SweepRow = z.infer<typeof sweepRowSchema>;
export type SweepModel = z.infer<typeof sweepModelSchema>;
export type SweepTable = z.infer<typeof sweepTableSchema>;
