/** @file Results of runs as a table: FP32 first, then a line a run. */
import { formatByteSize } from "../config/byteSize.ts";
import type { Accuracy, RunResult } from "../config/result.ts";
import { formatDuration } from "./progressPrinter.ts";
import { percent, textTable } from "./table.ts";

export function resultsTable(results: readonly RunResult[]): string {
  const header = ["run", "accuracy", "agreement", "SQNR", "size", "time", "file"];
  const [first] = results;
  const original = first && [
    "FP32",
    accuracy(first.metrics.fp32),
    undefined,
    undefined,
    formatByteSize(first.size.fp32Bytes),
    undefined,
    first.model,
  ];
  const rows = results.map(({ run, metrics, size, seconds, output }) => [
    run,
    accuracy(metrics.quantized),
    percent(metrics.agreement),
    metrics.sqnr === undefined ? undefined : `${metrics.sqnr.toFixed(1)} dB`,
    formatByteSize(size.quantizedBytes),
    formatDuration(seconds),
    output,
  ]);
  return textTable(header, original ? [original, ...rows] : rows);
}

function accuracy({ top1, map, miou, psnr }: Accuracy): string | undefined {
  if (psnr !== undefined) return `${psnr.toFixed(2)} dB`;
  return percent(top1 ?? map ?? miou);
}
