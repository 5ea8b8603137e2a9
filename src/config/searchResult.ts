/** @file What a search of bits found, as `brecq search --json` prints it and `result.json` keeps it. */
import { z } from "zod";

const costsSchema = z.object({
  size: z.number().optional().describe("Bytes of the weights in the exported file, scales and zero points included."),
  bops: z.number().optional().describe("Bit-operations for one input."),
  latency: z.number().optional().describe("Milliseconds by the latency table."),
});

export const searchResultSchema = z.object({
  bits: z.record(z.string(), z.union([z.number(), z.literal("fp32")])).describe("Bits of every layer's weights, the fixed ones included."),
  fixed: z.array(z.string()).describe("Layers that were not searched: the ends of the network, and those that the run overrides."),
  candidates: z.array(z.number()),
  predictedLoss: z.number(),
  measure: z.string().describe("What the loss is, in words."),
  costs: costsSchema,
  limits: costsSchema,
  seed: z.number(),
  seconds: z.number(),
});

/** The trade between a cost and the predicted loss. */
export const frontSchema = z.object({
  cost: z.enum(["size", "bops", "latency"]),
  points: z.array(z.object({ bits: searchResultSchema.shape.bits, predictedLoss: z.number(), costs: costsSchema })),
});

/** A front as it lies beside the config, with the search that it was made for. */
export const storedFrontSchema = z.object({
  run: z.string().optional().describe("Absent where no run was named: then the defaults count."),
  search: searchResultSchema,
  front: frontSchema,
});

export type SearchCosts = z.infer<typeof costsSchema>;
export type SearchResult = z.infer<typeof searchResultSchema>;
export type Front = z.infer<typeof frontSchema>;
export type StoredFront = z.infer<typeof storedFrontSchema>;
