/** @file A network as it is drawn: stages hold blocks, blocks hold operators. The worker makes it; weights are not in it. */
import { z } from "zod";
import { blockKinds } from "./inspection.ts";

const shape = z.array(z.union([z.number(), z.string()]));

export const operatorNodeSchema = z.object({
  id: z.string().describe("Unique among operators and groups."),
  name: z.string(),
  op: z.string(),
  domain: z.string(),
  parent: z.string().optional().describe("Id of the block, or of the stage where it is in none; absent where neither is known."),
  layer: z.string().optional().describe("Name of the layer, where the operator is one."),
  outputShape: shape.optional(),
  attributes: z.record(z.string(), z.string()).describe("As text, cut to a readable length."),
});

export const groupNodeSchema = z.object({
  id: z.string(),
  name: z.string(),
  level: z.enum(["stage", "block"]),
  kind: z.enum([...blockKinds, "glue", "stage"]),
  parent: z.string().optional().describe("Id of the stage that a block is in."),
  operators: z.number().int().describe("How many operators are inside."),
  layers: z.array(z.string()),
  outputShape: shape.optional(),
});

export const layerFactsSchema = z.object({
  name: z.string(),
  op: z.string(),
  block: z.string(),
  stage: z.string(),
  shape: z.array(z.number()),
  input: z.string().optional().describe("The value whose quantized range is the layer's range of activations."),
  parameters: z.number(),
  weights: z.number().int().describe("How many weights are quantized, and"),
  channels: z.number().int().describe("how many output channels have a scale of their own: what the size follows from."),
  macs: z.number(),
  weightRange: z.tuple([z.number(), z.number()]),
  nearestSqnr: z.record(z.string(), z.number()).describe("Signal to noise in dB of the weights rounded to nearest, by bits."),
});

export const networkGraphSchema = z.object({
  model: z.string(),
  opset: z.number(),
  inputs: z.array(z.object({ id: z.string(), name: z.string(), shape })),
  outputs: z.array(z.object({ id: z.string(), name: z.string(), shape })),
  groups: z.array(groupNodeSchema),
  operators: z.array(operatorNodeSchema).describe("In topological order."),
  edges: z
    .array(z.object({ from: z.string(), to: z.string(), value: z.string(), shape: shape.optional() }))
    .describe("Between operators, inputs and outputs."),
  layers: z.array(layerFactsSchema),
  firstLast: z.array(z.string()).describe("Layers that get a run's `firstLast` bits."),
  aliases: z.record(z.string(), z.array(z.string())).describe("What else layers may be called in a config, by name."),
  fp32Bytes: z.number().describe("Size of the model file, with the data files that it names."),
  warnings: z.array(z.string()),
  unprepared: z
    .string()
    .optional()
    .describe("Why the network cannot be prepared for quantization, a sentence for the user: then only the operators of the file are here."),
});

export type OperatorNode = z.infer<typeof operatorNodeSchema>;
export type GroupNode = z.infer<typeof groupNodeSchema>;
export type LayerFacts = z.infer<typeof layerFactsSchema>;
export type NetworkGraph = z.infer<typeof networkGraphSchema>;
