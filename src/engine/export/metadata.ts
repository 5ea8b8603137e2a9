/** @file What an exported model says of its own quantization: the bits, which its integer types do not tell. */
import { z } from "zod";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import type { ExportFormat } from "./integerTypes.ts";

const bits = z.number().int().min(2).max(8);

const quantizationSchema = z.object({
  format: z.enum(["portable", "native"]),
  /** By layer: the name that the FP32 weights had, and that of the bias where it was trained. */
  weights: z.record(z.string(), z.object({ weight: z.string(), bits, bias: z.string().optional() })),
  activations: z.array(z.object({ value: z.string(), bits, dequantized: z.string() })),
});

export type QuantizationMetadata = z.infer<typeof quantizationSchema>;

const entryName = "quantization";

/** The metadata entry of an export, without its "brecq." prefix. */
export function quantizationEntries(
  format: ExportFormat,
  weights: readonly WeightQuantization[],
  activations: QuantizationMetadata["activations"],
): Record<string, string> {
  const byLayer = Object.fromEntries(
    weights.map(({ layer, weight, bits: weightBits, bias }) => [layer, { weight, bits: weightBits, ...(bias && { bias: bias.name }) }]),
  );
  return { [entryName]: JSON.stringify({ format, weights: byLayer, activations } satisfies QuantizationMetadata) };
}

/** What an export wrote; undefined where the model was written by another program, or its metadata is damaged. */
export function readQuantizationEntry(model: ModelProto): QuantizationMetadata | undefined {
  const text = model.metadataProps.find(({ key }) => key === `brecq.${entryName}`)?.value;
  if (text === undefined) return undefined;
  try {
    return quantizationSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
