/** @file Runs side by side: the rows of the compare view, of its copies and of the comparing tools. */
import { formatByteSize } from "./byteSize.ts";
import { csvText } from "./csv.ts";
import { metricNames } from "./metricNames.ts";
import type { RunResult } from "./result.ts";

export interface ComparisonRow {
  label: string;
  unit: string;
  /** One value a run, in the order of the runs. */
  values: (number | string | undefined)[];
  /** Which end is good; absent where neither is. */
  better?: "higher" | "lower";
}

export interface Comparison {
  runs: string[];
  overview: ComparisonRow[];
  /** Bits of the weights of each layer. */
  layers: ComparisonRow[];
  /** Reconstruction loss of each block, with nearest rounding and after reconstruction. */
  blocks: { name: string; before: (number | undefined)[]; after: (number | undefined)[] }[];
}

export function compareRuns(results: readonly RunResult[]): Comparison {
  const row = (
    label: string,
    unit: string,
    read: (result: RunResult) => number | string | undefined,
    better?: "higher" | "lower",
  ): ComparisonRow => ({
    label,
    unit,
    values: results.map(read),
    better,
  });
  const overview = [
    row("Weights", "", ({ config }) => bitsText(config.weights)),
    row("Activations", "", ({ config }) => bitsText(config.activations)),
    row("Method", "", ({ config }) => (typeof config.method === "string" ? config.method : undefined)),
    ...metricNames.flatMap(({ key, label, unit }) => [
      row(label, unit, ({ metrics }) => metrics.quantized[key], "higher"),
      row(`${label} − FP32`, unit === "%" ? "points" : unit, ({ metrics }) => difference(metrics.quantized[key], metrics.fp32[key]), "higher"),
    ]),
    row("Agreement with FP32", "%", ({ metrics }) => metrics.agreement, "higher"),
    row("SQNR of the outputs", "dB", ({ metrics }) => metrics.sqnr, "higher"),
    row("PSNR to FP32", "dB", ({ metrics }) => metrics.psnrToFp32, "higher"),
    row("Images", "", ({ metrics }) => metrics.images),
    row("Size", "bytes", ({ size }) => size.quantizedBytes, "lower"),
    row("Size of FP32", "bytes", ({ size }) => size.fp32Bytes),
    row("Average bits of weights", "", averageBits, "lower"),
    row("Time", "s", ({ seconds }) => seconds, "lower"),
    row("Peak memory", "bytes", ({ peakMemoryBytes }) => peakMemoryBytes, "lower"),
    row("Seed", "", ({ seed }) => seed),
  ];
  return {
    runs: results.map(({ run }) => run),
    overview: overview.filter(({ values }) => values.some((value) => value !== undefined)),
    layers: names(results, ({ layers }) => layers).map((name) =>
      row(name, "bits", ({ layers }) => layers.find((layer) => layer.name === name)?.weightBits),
    ),
    blocks: names(results, ({ blocks }) => blocks).map((name) => {
      const losses = results.map(({ blocks }) => blocks.find((block) => block.name === name)?.loss);
      return { name, before: losses.map((loss) => loss?.before), after: losses.map((loss) => loss?.after) };
    }),
  };
}

/** A value as people read it. */
export function formatValue(value: number | string | undefined, unit: string): string {
  if (value === undefined) return "–";
  if (typeof value === "string") return value;
  switch (unit) {
    case "bytes":
      return formatByteSize(value);
    case "%":
      return `${value.toFixed(2)} %`;
    case "points":
      return `${value > 0 ? "+" : ""}${value.toFixed(2)}`.replace("-", "−");
    case "dB":
    case "s":
      return `${value.toFixed(1)} ${unit}`;
    default:
      return Number.isInteger(value) ? String(value) : value.toFixed(2);
  }
}

export function comparisonToMarkdown(comparison: Comparison): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = (rows: string[][], title: string) =>
    [line([title, ...comparison.runs]), line([title, ...comparison.runs].map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join(
      "\n",
    );
  const overview = comparison.overview.map(({ label, unit, values }) => [label, ...values.map((value) => formatValue(value, unit))]);
  const layers = comparison.layers.map(({ label, values }) => [label, ...values.map((value) => formatValue(value, "bits"))]);
  const blocks = comparison.blocks.map(({ name, before, after }) => [
    name,
    ...before.map((loss, index) => `${lossText(loss)} → ${lossText(after[index])}`),
  ]);
  return `${[table(overview, ""), table(layers, "Bits of layer"), ...(blocks.length > 0 ? [table(blocks, "Loss of block")] : [])].join("\n\n")}\n`;
}

/** Raw numbers, one row a figure: `section,name,unit` and one column a run. */
export function comparisonToCsv(comparison: Comparison): string {
  const rows: (number | string | undefined)[][] = [["section", "name", "unit", ...comparison.runs]];
  for (const { label, unit, values } of comparison.overview) rows.push(["overview", label, unit, ...values]);
  for (const { label, values } of comparison.layers) rows.push(["layer", label, "bits", ...values]);
  for (const { name, before, after } of comparison.blocks) {
    rows.push(["block loss before", name, "", ...before], ["block loss after", name, "", ...after]);
  }
  return csvText(rows);
}

function lossText(loss: number | undefined): string {
  return loss === undefined ? "–" : loss.toPrecision(3);
}

function difference(value: number | undefined, reference: number | undefined): number | undefined {
  return value === undefined || reference === undefined ? undefined : value - reference;
}

function bitsText(bits: unknown): string | undefined {
  if (bits === "fp32") return "FP32";
  return typeof bits === "number" ? `${bits} bits` : undefined;
}

/** Bits a weight, over all layers; FP32 counts as 32. */
function averageBits({ layers }: RunResult): number | undefined {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const bits = layers.reduce((sum, layer) => sum + layer.parameters * (layer.weightBits === "fp32" ? 32 : layer.weightBits), 0);
  return parameters > 0 ? bits / parameters : undefined;
}

/** Names in the order of the first run that has them. */
function names(results: readonly RunResult[], read: (result: RunResult) => { name: string }[]): string[] {
  return [...new Set(results.flatMap((result) => read(result).map(({ name }) => name)))];
}
