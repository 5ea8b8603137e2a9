/** @file What the metrics of tasks are called, in the order of interest. */
import type { Accuracy } from "./result.ts";

export interface MetricName {
  readonly key: keyof Accuracy;
  readonly label: string;
  readonly unit: "%" | "dB";
}

export const metricNames: readonly MetricName[] = [
  { key: "top1", label: "Top-1", unit: "%" },
  { key: "top5", label: "Top-5", unit: "%" },
  { key: "map", label: "mAP", unit: "%" },
  { key: "ap50", label: "AP50", unit: "%" },
  { key: "miou", label: "mIoU", unit: "%" },
  { key: "psnr", label: "PSNR", unit: "dB" },
];

/** A metric's value as people read it. */
export function metricText(value: number | undefined, unit: MetricName["unit"]): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(2)} ${unit}`;
}
