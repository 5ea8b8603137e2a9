/** @file The figures of a comparison: mean and deviation over seeds, and what each method costs. */
import type { Accuracy, RunResult } from "../../config/result.ts";
import { type BitWidths, columnName, type MethodVariant, type SweepRun } from "./expandRuns.ts";

/** A run of the comparison with its result, or with the reason why there is none. */
export type SweepOutcome = { readonly run: SweepRun } & ({ readonly result: RunResult } | { readonly error: string });

export interface ComparisonCell {
  readonly values: readonly number[];
  readonly mean: number | undefined;
  /** Sample standard deviation; undefined for fewer than two values. */
  readonly deviation: number | undefined;
  /** Steps of all blocks together, and time, averaged over runs. */
  readonly steps: number | undefined;
  readonly seconds: number | undefined;
  /** Calibration images that the method learns from. */
  readonly images: number | undefined;
  readonly error: string | undefined;
}

export interface ComparisonTable {
  readonly model: string;
  readonly metric: string;
  readonly unit: string;
  readonly fp32: number | undefined;
  /** Evaluation images. */
  readonly images: number;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly method: string; readonly label: string; readonly cells: readonly (ComparisonCell | undefined)[] }[];
}

const metrics: readonly (readonly [key: keyof Accuracy, label: string, unit: string])[] = [
  ["top1", "top-1", "%"],
  ["map", "mAP", "%"],
  ["ap50", "AP50", "%"],
  ["miou", "mIoU", "%"],
  ["psnr", "PSNR", "dB"],
];

/**
 * The table of a comparison; runs that are still missing leave their cells empty.
 * @param calibrationImages how many images there are to learn from
 */
export function summarize(
  model: string,
  { variants, columns }: { variants: readonly MethodVariant[]; columns: readonly BitWidths[] },
  outcomes: readonly SweepOutcome[],
  calibrationImages: number,
): ComparisonTable {
  const first = outcomes.flatMap((outcome) => ("result" in outcome ? [outcome.result] : []))[0];
  const { label: metric, unit, read, ofResult } = chooseMetric(first);
  const rows = variants.map((variant) => ({
    method: variant.key,
    label: variant.label,
    cells: columns.map((column) =>
      cellOf(
        outcomes.filter(({ run }) => run.variant === variant && columnName(run.column) === columnName(column)),
        ofResult,
        variant.key === "nearest" && column.activations === "fp32" ? 0 : calibrationImages,
      ),
    ),
  }));
  return {
    model,
    metric,
    unit,
    fp32: first && read(first.metrics.fp32),
    images: first?.metrics.images ?? 0,
    columns: columns.map(columnName),
    rows,
  };
}

function cellOf(
  outcomes: readonly SweepOutcome[],
  readMetric: (result: RunResult) => number | undefined,
  images: number,
): ComparisonCell | undefined {
  if (outcomes.length === 0) return undefined;
  const results = outcomes.flatMap((outcome) => ("result" in outcome ? [outcome.result] : []));
  const error = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []))[0];
  const values = results.flatMap((result) => readMetric(result) ?? []);
  const steps = mean(results.map(({ blocks }) => blocks.reduce((sum, block) => sum + block.steps, 0)));
  return { values, mean: mean(values), deviation: deviation(values), steps, seconds: mean(results.map(({ seconds }) => seconds)), images, error };
}

/** Accuracy where it is measured, else how near the outputs are to those of FP32. */
function chooseMetric(result: RunResult | undefined): ChosenMetric {
  const known = metrics.find(([key]) => result?.metrics.fp32[key] !== undefined);
  if (known) {
    const [key, label, unit] = known;
    return { label, unit, read: (accuracy) => accuracy[key], ofResult: ({ metrics: measured }) => measured.quantized[key] };
  }
  const none = () => undefined;
  if (result?.metrics.agreement !== undefined)
    return { label: "agreement with FP32", unit: "%", read: none, ofResult: ({ metrics: measured }) => measured.agreement };
  return { label: "SQNR of the outputs", unit: "dB", read: none, ofResult: ({ metrics: measured }) => measured.sqnr };
}

interface ChosenMetric {
  readonly label: string;
  readonly unit: string;
  readonly read: (accuracy: Accuracy) => number | undefined;
  readonly ofResult: (result: RunResult) => number | undefined;
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[]): number | undefined {
  const centre = mean(values);
  if (centre === undefined || values.length < 2) return undefined;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
