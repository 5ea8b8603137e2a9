/** @file What `brecq inspect --json` prints. */
import { z } from "zod";

export const blockKinds = ["residual", "chain", "join", "layer"] as const;

export const inspectionSchema = z.object({
  model: z.string(),
  opset: z.number(),
  inputs: z.array(z.object({ name: z.string(), type: z.string(), shape: z.array(z.union([z.number(), z.string()])) })),
  outputs: z.array(z.object({ name: z.string(), type: z.string(), shape: z.array(z.union([z.number(), z.string()])) })),
  layers: z.array(
    z.object({
      name: z.string(),
      op: z.string(),
      shape: z.array(z.number()).describe("Shape of the weights."),
      parameters: z.number().describe("Number of weights and biases."),
      macs: z.number().describe("Multiply-accumulates for one input."),
      block: z.string(),
      output: z.array(z.union([z.number(), z.string()])).describe("Shape of the layer's output."),
    }),
  ),
  blocks: z.array(
    z.object({ name: z.string(), kind: z.enum(blockKinds), layers: z.array(z.string()), inputs: z.array(z.string()), outputs: z.array(z.string()) }),
  ),
  unsupported: z.array(z.object({ op: z.string(), domain: z.string(), count: z.number(), nodes: z.array(z.string()), reason: z.string() })),
  parameters: z.number(),
  macs: z.number(),
});

export type Inspection = z.infer<typeof inspectionSchema>;
