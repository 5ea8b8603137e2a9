/** @file A sweep's table as Markdown. */
import { formatByteSize } from "./byteSize.ts";
import { csvText } from "./csv.ts";
import type { SweepModel, SweepRow, SweepTable } from "./sweepResult.ts";

export function sweepMarkdown(table: SweepTable): string {
  const parts = table.models.map((model) =>
    modelMarkdown(
      model,
      table.rows.filter((row) => row.model === model.name),
    ),
  );
  const failures = table.rows.flatMap(({ model, runs }) => runs.flatMap(({ run, error }) => (error ? [`- ${model}, ${run}: ${error}`] : [])));
  return [`# ${table.sweep}`, ...parts, ...(failures.length > 0 ? [`## Not done\n\n${failures.join("\n")}`] : [])].join("\n\n");
}

/** "72.00 ± 2.83", or what there is instead of a value. */
export function valueText({ mean, deviation, runs }: SweepRow): string {
  if (mean !== undefined) return deviation === undefined ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
  return runs.find(({ state }) => state === "failed" || state === "cancelled" || state === "running")?.state ?? "waiting";
}

function modelMarkdown({ name, metric, unit, fp32, fp32Bytes, images }: SweepModel, rows: readonly SweepRow[]): string {
  const title = `## ${name}: ${metric} (${unit}) on ${images} images; mean ± standard deviation over seeds`;
  const header = ["Setting", metric, "Agreement (%)", "SQNR (dB)", "Weights", "Bits", "Seconds", "Seeds", "Pareto"];
  const reference = ["FP32", fp32?.toFixed(2) ?? "–", "", "", fp32Bytes === undefined ? "–" : formatByteSize(fp32Bytes), "32", "", "", ""];
  const lines = rows.map((row) => [
    row.setting,
    valueText(row),
    row.agreement?.toFixed(2) ?? "–",
    row.sqnr?.toFixed(1) ?? "–",
    row.weightBytes === undefined ? "–" : formatByteSize(row.weightBytes),
    row.averageBits?.toFixed(2) ?? "–",
    row.seconds?.toFixed(1) ?? "–",
    `${row.values.length}/${row.runs.length}`,
    row.best ? "●" : "",
  ]);
  return `${title}\n\n${markdownTable(header, [reference, ...lines])}`;
}

/** A row a setting, for spreadsheets. */
export function sweepCsv({ models, rows }: SweepTable): string {
  const header = [
    "model",
    "setting",
    "method",
    "weights",
    "activations",
    "metric",
    "mean",
    "deviation",
    "agreement",
    "sqnr",
    "bytes",
    "bits",
    "seconds",
    "seeds",
    "pareto",
  ];
  const lines = rows.map((row) => [
    row.model,
    row.setting,
    row.method,
    row.weights,
    row.activations,
    models.find(({ name }) => name === row.model)?.metric,
    row.mean,
    row.deviation,
    row.agreement,
    row.sqnr,
    row.weightBytes,
    row.averageBits,
    row.seconds,
    row.values.length,
    row.best ? 1 : 0,
  ]);
  return csvText([header, ...lines]);
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
