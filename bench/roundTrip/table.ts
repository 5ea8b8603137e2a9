/** @file What other programs made of the exported files, as they print it and as a table. */
import { z } from "zod";
import type { Verification } from "../../src/config/result.ts";
import type { RunConfig } from "../../src/config/schema.ts";
import { optimizationLevels } from "../../src/engine/export/verify.ts";

/** The greatest difference, relative to the largest output; or why there is none. */
const levelSchema = z.union([z.number(), z.string()]);

const otherSchema = z.union([z.object({ difference: z.number(), share: z.number(), noise: z.number().optional() }), z.object({ fails: z.string() })]);

/** A line of bench/checkExport.py. */
const checkSchema = z.object({
  file: z.string(),
  opset: z.number(),
  checker: z.union([z.literal(true), z.string()]),
  good: z.boolean(),
  disabled: levelSchema,
  basic: levelSchema,
  extended: levelSchema,
  all: levelSchema,
  cured: levelSchema,
  reference: otherSchema,
  openvino: otherSchema,
});

type Other = z.infer<typeof otherSchema>;

export interface CheckedFile {
  readonly network: string;
  readonly weights: RunConfig["weights"];
  readonly activations: RunConfig["activations"];
  readonly format: RunConfig["export"];
  readonly node: readonly Verification[];
  readonly python: z.infer<typeof checkSchema>;
}

export function readChecks(lines: string): z.infer<typeof checkSchema>[] {
  return lines
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => checkSchema.parse(JSON.parse(line)));
}

/** One row a network, format and kind of activations; with FP32 activations the worst of all weights. */
export function roundTripTable(files: readonly CheckedFile[]): string {
  const rows = new Map<string, CheckedFile[]>();
  for (const file of files) {
    const bits = file.activations === "fp32" ? "" : `W${file.weights} A${file.activations}`;
    const key = [file.network, file.format, bits].join("|");
    rows.set(key, [...(rows.get(key) ?? []), file]);
  }
  const header = ["network", "format", "bits", "checker", "ONNX Runtime, Node", "ONNX Runtime, Python", "reference evaluator", "OpenVINO"];
  const cells = [...rows.values()].map((own) => {
    const { network, format, activations } = own[0]!;
    const weights = own.map((file) => `W${file.weights}`).join(", ");
    return [
      network,
      format,
      activations === "fp32" ? weights : `${weights} A${activations}`,
      `${own.filter(({ python }) => python.checker === true).length} of ${own.length}`,
      optimizationLevels.map((_, i) => worst(own.map(({ node }) => node[i]!.maxDifference ?? "fails"))).join(" · "),
      optimizationLevels.map((level) => worst(own.map(({ python }) => python[level]))).join(" · "),
      otherCell(own.map(({ python }) => python.reference)),
      otherCell(own.map(({ python }) => python.openvino)),
    ];
  });
  return [header, header.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function worst(found: readonly (number | string)[]): string {
  const failing = found.filter((value) => typeof value === "string").length;
  const greatest = Math.max(0, ...found.filter((value) => typeof value === "number"));
  const number = greatest === 0 ? "0" : greatest.toExponential(0);
  return failing === 0 ? number : failing === found.length ? "fails" : `${number}, ${failing} fail`;
}

function otherCell(found: readonly Other[]): string {
  return worst(found.map((other) => ("fails" in other ? other.fails : other.difference)));
}
