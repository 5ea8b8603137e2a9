/** @file A finished run in one line. */
import { formatByteSize } from "../config/byteSize.ts";
import type { Accuracy, RunResult } from "../config/result.ts";

/** The metrics of a task in order of interest, with what they are called and their unit. */
const metrics: [keyof Accuracy, string, string][] = [
  ["top1", "top-1", "%"],
  ["map", "mAP", "%"],
  ["ap50", "AP50", "%"],
  ["miou", "mIoU", "%"],
  ["psnr", "PSNR", " dB"],
  ["top5", "top-5", "%"],
];

/** "80.93 % top-1 (−0.10) · 274 kB": the first metric there is, its difference to FP32, and the size. */
export function summarizeResult(result: RunResult): string {
  return [accuracy(result), formatByteSize(result.size.quantizedBytes)].filter(Boolean).join(" · ");
}

function accuracy({ metrics: measured }: RunResult): string | undefined {
  for (const [key, label, unit] of metrics) {
    const value = measured.quantized[key];
    const reference = measured.fp32[key];
    if (value === undefined) continue;
    return `${value.toFixed(2)}${unit} ${label}${reference === undefined ? "" : ` (${signed(value - reference)})`}`;
  }
  if (measured.agreement !== undefined) return `${measured.agreement.toFixed(1)}% agreement`;
  return measured.sqnr === undefined ? undefined : `${measured.sqnr.toFixed(1)} dB SQNR`;
}

/** A difference with its sign; the minus is the typographic one. */
export function signed(difference: number, digits = 2): string {
  const text = Math.abs(difference).toFixed(digits);
  if (Number(text) === 0) return `±${text}`;
  return `${difference < 0 ? "−" : "+"}${text}`;
}
