/** @file Results of runs as a table: FP32 first, then a line a run. */
import { formatByteSize } from "../config/byteSize.ts";
import { metricNames, metricText } from "../config/metricNames.ts";
import type { Accuracy, RunResult } from "../config/result.ts";
import { formatDuration } from "./progressPrinter.ts";
import { percent, textTable } from "./table.ts";

export function resultsTable(results: readonly RunResult[]): string {
  const { header: names, read } = accuracies(results);
  const header = ["run", ...names, "agreement", "SQNR", "size", "time", "file"];
  const [first] = results;
  const original = first && ["FP32", ...read(first.metrics.fp32), undefined, undefined, formatByteSize(first.size.fp32Bytes), undefined, first.model];
  const rows = results.map(({ run, metrics, size, seconds, output }) => [
    run,
    ...read(metrics.quantized),
    percent(metrics.agreement),
    metrics.sqnr === undefined ? undefined : `${metrics.sqnr.toFixed(1)} dB`,
    formatByteSize(size.quantizedBytes),
    formatDuration(seconds),
    output,
  ]);
  return textTable(header, original ? [original, ...rows] : rows);
}

/** The first two metrics of the task that there are, such as mAP and AP50. */
function accuracies(results: readonly RunResult[]): { header: string[]; read: (of: Accuracy) => (string | undefined)[] } {
  const there = metricNames.filter(({ key }) => results.some(({ metrics }) => metrics.quantized[key] !== undefined)).slice(0, 2);
  return { header: there.map(({ label }) => label), read: (of) => there.map(({ key, unit }) => metricText(of[key], unit)) };
}
