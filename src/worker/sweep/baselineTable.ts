/** @file The figures of a comparison: mean and deviation over seeds, and what each method costs. */
import type { RunFigures } from "../../config/sweepResult.ts";
import { type BaselineRun, type BitWidths, columnName, type MethodVariant } from "./baselineRuns.ts";
import { chooseMetric, deviation, mean } from "./sweepTable.ts";

/** A run of the comparison with its result, or with the reason why there is none. */
export type BaselineOutcome = { readonly run: BaselineRun } & ({ readonly figures: RunFigures } | { readonly error: string });

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

/**
 * The table of a comparison; runs that are still missing leave their cells empty.
 * @param calibrationImages how many images there are to learn from
 */
export function summarize(
  model: string,
  { variants, columns }: { variants: readonly MethodVariant[]; columns: readonly BitWidths[] },
  outcomes: readonly BaselineOutcome[],
  calibrationImages: number,
): ComparisonTable {
  const first = outcomes.flatMap((outcome) => ("figures" in outcome ? [outcome.figures] : []))[0];
  const { label: metric, unit, ofFp32, of } = chooseMetric(first);
  const rows = variants.map((variant) => ({
    method: variant.key,
    label: variant.label,
    cells: columns.map((column) =>
      cellOf(
        outcomes.filter(({ run }) => run.variant === variant && columnName(run.column) === columnName(column)),
        of,
        variant.key === "nearest" && column.activations === "fp32" ? 0 : calibrationImages,
      ),
    ),
  }));
  return {
    model,
    metric,
    unit,
    fp32: first && ofFp32(first),
    images: first?.metrics.images ?? 0,
    columns: columns.map(columnName),
    rows,
  };
}

function cellOf(
  outcomes: readonly BaselineOutcome[],
  readMetric: (figures: RunFigures) => number | undefined,
  images: number,
): ComparisonCell | undefined {
  if (outcomes.length === 0) return undefined;
  const figures = outcomes.flatMap((outcome) => ("figures" in outcome ? [outcome.figures] : []));
  const error = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []))[0];
  const values = figures.flatMap((found) => readMetric(found) ?? []);
  const steps = mean(figures.map((found) => found.steps));
  return { values, mean: mean(values), deviation: deviation(values), steps, seconds: mean(figures.map(({ seconds }) => seconds)), images, error };
}
