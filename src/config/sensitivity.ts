/** @file The `sensitivity.json` format: what each layer costs at each number of bits, and what pairs in a block cost on top. */
import { z } from "zod";

export const layerSensitivitySchema = z.object({
  layer: z.string(),
  block: z.string(),
  losses: z.record(z.string(), z.number()).describe("Loss with only this layer quantized, by bits."),
});

export const pairSensitivitySchema = z.object({
  block: z.string(),
  layers: z.tuple([z.string(), z.string()]),
  bits: z.tuple([z.number(), z.number()]),
  loss: z.number().describe("Loss with both layers quantized, less the losses of each alone: negative where they make up for each other."),
});

/** Compact, for there are as many as squares of layers. */
export const crossSensitivitySchema = z
  .tuple([z.string(), z.number(), z.string(), z.number(), z.number()])
  .describe("Layer, its bits, another layer, its bits; the loss of both less the losses of each alone, to second order.");

export const sensitivitySchema = z.object({
  model: z.string(),
  fingerprint: z.string().describe("Hash of the model, the data and the settings that the figures hold for."),
  measure: z.string().describe("What the loss is, in words."),
  candidates: z.array(z.number()),
  samples: z.number(),
  complete: z.boolean().describe("False while layers are still being measured: an interrupted measurement goes on from here."),
  layers: z.array(layerSensitivitySchema),
  pairs: z.array(pairSensitivitySchema),
  crossings: z
    .array(crossSensitivitySchema)
    .default([])
    .describe("All other pairs, mostly of layers in different blocks; there once the measurement is complete."),
});

export type LayerSensitivity = z.infer<typeof layerSensitivitySchema>;
export type PairSensitivity = z.infer<typeof pairSensitivitySchema>;
export type CrossSensitivity = z.infer<typeof crossSensitivitySchema>;
export type Sensitivity = z.infer<typeof sensitivitySchema>;
