/** @file The latency table's format: what layers take on some machine, measured or by a roofline. */
import { z } from "zod";

const bits = z.union([z.int().min(1).max(16), z.literal("fp32")]);
const dims = z.array(z.int().positive());

export const latencyEntrySchema = z.strictObject({
  op: z.enum(["Conv", "ConvTranspose", "Gemm", "MatMul"]),
  shape: dims.min(2).describe("Shape of the weights, as `brecq inspect` tells it."),
  output: dims.describe("Shape of the layer's output without the batch: [channels, height, width] for a convolution."),
  group: z.int().positive().default(1).describe("Groups of a convolution; as many as channels where it is depthwise."),
  weights: bits.describe("Bits of the weights."),
  activations: bits.describe("Bits of the layer's input."),
  ms: z.number().positive().describe("Milliseconds for one input."),
});

export const rooflineSchema = z.strictObject({
  bitOpsPerSecond: z.number().positive().describe("Peak of multiply-accumulates times bits of weights times bits of activations."),
  bytesPerSecond: z.number().positive().describe("Memory bandwidth for weights, inputs and outputs."),
  overheadMs: z.number().min(0).default(0).describe("Milliseconds that every layer takes on top."),
});

export const latencyTableSchema = z
  .strictObject({
    name: z.string().min(1).describe("The machine."),
    description: z.string().optional(),
    entries: z.array(latencyEntrySchema).default([]).describe("Measured layers."),
    roofline: rooflineSchema.optional().describe("For layers that no entry is like."),
  })
  .refine(({ entries, roofline }) => entries.length > 0 || roofline !== undefined, { message: 'has neither "entries" nor a "roofline"' });

export type LatencyEntry = z.infer<typeof latencyEntrySchema>;
export type Roofline = z.infer<typeof rooflineSchema>;
export type LatencyTable = z.infer<typeof latencyTableSchema>;
