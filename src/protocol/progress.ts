/** @file What the engine tells while it works. The same events drive the terminal, the log file and the editor. */
import { z } from "zod";

export const progressSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("phase"),
    phase: z.enum(["load", "calibration", "sensitivity", "search", "reconstruction", "export", "evaluation"]),
    message: z.string(),
  }),
  z.object({ type: z.literal("count"), label: z.string(), done: z.number(), total: z.number() }),
  z.object({
    type: z.literal("block-start"),
    index: z.number().describe("From 0."),
    count: z.number(),
    name: z.string(),
    layers: z.array(z.string()),
    steps: z.number(),
  }),
  z.object({
    type: z.literal("step"),
    index: z.number(),
    name: z.string(),
    step: z.number(),
    steps: z.number(),
    loss: z.number(),
    secondsLeft: z.number().optional().describe("Estimate for the whole reconstruction."),
  }),
  z.object({
    type: z.literal("block-end"),
    index: z.number(),
    count: z.number(),
    name: z.string(),
    loss: z.object({ before: z.number(), after: z.number() }),
    seconds: z.number(),
    resumed: z.boolean().describe("True where the block was taken from a checkpoint."),
  }),
  z.object({ type: z.literal("layer-sensitivity"), layer: z.string(), block: z.string(), bits: z.number(), loss: z.number() }),
  z.object({
    type: z.literal("job"),
    job: z.string().describe("A job of a sweep."),
    state: z.enum(["started", "going", "retried", "done", "reused", "failed", "cancelled"]),
    message: z.string().optional().describe("How far it is, what it gave, or why it failed."),
    place: z.string().optional().describe("The worker that does it, where that is another machine."),
    done: z.number().describe("How many of the sweep's jobs have ended."),
    total: z.number(),
  }),
  z.object({ type: z.literal("warning"), message: z.string() }),
]);

export type Progress = z.infer<typeof progressSchema>;
export type ReportProgress = (event: Progress) => void;
