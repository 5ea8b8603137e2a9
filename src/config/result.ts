/** @file The `result.json` format of a finished run, and the metrics in it. */
import { z } from "zod";
import { searchResultSchema } from "./searchResult.ts";

export const accuracySchema = z
  .object({
    top1: z.number().optional().describe("Percent of images whose best class is right."),
    top5: z.number().optional().describe("Percent of images whose class is among the best five."),
    ap50: z.number().optional().describe("COCO average precision at IoU 0.5, in percent."),
    map: z.number().optional().describe("COCO mean average precision over IoU 0.50:0.95, in percent."),
    miou: z.number().optional().describe("Mean intersection over union, in percent."),
    psnr: z.number().optional().describe("Peak signal-to-noise ratio in dB."),
  })
  .describe("Task metrics; a metric that the data does not allow is absent.");

export const metricsSchema = z.object({
  fp32: accuracySchema,
  quantized: accuracySchema,
  agreement: z
    .number()
    .optional()
    .describe("Percent of images for which FP32 and quantized network choose the same class; of pixels, where each has a class."),
  psnrToFp32: z.number().optional().describe("Peak signal-to-noise ratio of the quantized network's images to FP32's, in dB."),
  sqnr: z.number().optional().describe("Signal to quantization noise of the outputs, in dB."),
  images: z.number().int().describe("How many images the metrics are measured on."),
  source: z.enum(["evaluation", "calibration"]).describe("Which data the metrics are measured on."),
});

export const layerResultSchema = z.object({
  name: z.string(),
  op: z.string(),
  block: z.string(),
  shape: z.array(z.number()),
  parameters: z.number(),
  weightBits: z.union([z.number(), z.literal("fp32")]),
  activationBits: z.union([z.number(), z.literal("fp32")]),
  bytes: z.number().describe("Size of the layer's weights in the exported file."),
  sqnr: z.number().optional().describe("Signal to quantization noise of the weights, in dB."),
  flipped: z.number().optional().describe("Share of weights rounded away from the nearest level, 0..1."),
});

export const activationResultSchema = z
  .object({
    value: z.string().describe("The tensor's name in the model."),
    readers: z.array(z.string()).describe("Layers, and other operators, that read it quantized."),
    bits: z.number(),
    scale: z.number(),
    zeroPoint: z.number(),
  })
  .describe("A quantized tensor of activations: it stands for scale * (integer - zeroPoint), integers in 0..2^bits-1.");

export const blockResultSchema = z.object({
  name: z.string(),
  kind: z.string(),
  layers: z.array(z.string()),
  loss: z.object({ before: z.number(), after: z.number() }).describe("Reconstruction loss with nearest rounding, and after reconstruction."),
  steps: z.number(),
  seconds: z.number(),
  curve: z.array(z.object({ step: z.number(), loss: z.number() })).describe("Reconstruction loss while training, thinned out."),
});

export const verificationSchema = z.object({
  level: z.enum(["disabled", "basic", "extended", "all"]),
  loads: z.boolean(),
  maxDifference: z
    .number()
    .optional()
    .describe("Greatest absolute difference from the simulated network's outputs, relative to their largest value."),
  message: z.string().optional(),
});

export const resultSchema = z.object({
  run: z.string(),
  model: z.string(),
  config: z.record(z.string(), z.unknown()).describe("The run's settings with all defaults filled in."),
  metrics: metricsSchema,
  layers: z.array(layerResultSchema),
  activations: z.array(activationResultSchema).optional().describe("Every quantized tensor of activations."),
  blocks: z.array(blockResultSchema),
  size: z.object({ fp32Bytes: z.number(), quantizedBytes: z.number() }),
  seconds: z.number(),
  peakMemoryBytes: z.number(),
  output: z.string().describe("The quantized model."),
  seed: z.number(),
  verification: z.array(verificationSchema),
  warnings: z.array(z.string()),
  search: searchResultSchema.optional().describe("How the bits were found, where the run searches them."),
  versions: z.record(z.string(), z.string()),
});

export type Accuracy = z.infer<typeof accuracySchema>;
export type Metrics = z.infer<typeof metricsSchema>;
export type LayerResult = z.infer<typeof layerResultSchema>;
export type ActivationResult = z.infer<typeof activationResultSchema>;
export type BlockResult = z.infer<typeof blockResultSchema>;
export type Verification = z.infer<typeof verificationSchema>;
export type RunResult = z.infer<typeof resultSchema>;
