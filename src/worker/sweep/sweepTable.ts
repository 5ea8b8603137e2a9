/** @file The table of a sweep: a row a setting of a model, averaged over seeds, with the Pareto front of size and accuracy. */
import type { Accuracy } from "../../config/result.ts";
import type { RunFigures, RunState, SweepModel, SweepRow, SweepTable } from "../../config/sweepResult.ts";
import type { SweepRun } from "./expandSweep.ts";
import { grouped } from "./grouped.ts";

/** How a run stands, and its figures once it is done. */
export interface RunOutcome {
  readonly run: SweepRun;
  readonly state: RunState;
  readonly figures?: RunFigures | undefined;
  readonly error?: string | undefined;
}

const metrics: readonly (readonly [key: keyof Accuracy, label: string, unit: string])[] = [
  ["top1", "top-1", "%"],
  ["map", "mAP", "%"],
  ["ap50", "AP50", "%"],
  ["miou", "mIoU", "%"],
  ["psnr", "PSNR", "dB"],
];

/** What a model's runs are measured by: accuracy where it is known, else how near the outputs are to those of FP32. */
export interface ChosenMetric {
  readonly label: string;
  readonly unit: string;
  readonly ofFp32: (figures: RunFigures) => number | undefined;
  readonly of: (figures: RunFigures) => number | undefined;
}

export function chooseMetric(figures: RunFigures | undefined): ChosenMetric {
  const known = metrics.find(([key]) => figures?.metrics.fp32[key] !== undefined);
  if (known) {
    const [key, label, unit] = known;
    return { label, unit, ofFp32: ({ metrics: { fp32 } }) => fp32[key], of: ({ metrics: { quantized } }) => quantized[key] };
  }
  const ofFp32 = () => undefined;
  if (figures?.metrics.agreement !== undefined) {
    return { label: "agreement with FP32", unit: "%", ofFp32, of: ({ metrics: { agreement } }) => agreement };
  }
  return { label: "SQNR of the outputs", unit: "dB", ofFp32, of: ({ metrics: { sqnr } }) => sqnr };
}

/** Rows in the order of the runs. */
export function sweepTable(sweep: string, outcomes: readonly RunOutcome[]): SweepTable {
  const models = [...new Set(outcomes.map(({ run }) => run.model))].map((name) => {
    const own = outcomes.filter(({ run }) => run.model === name);
    const metric = chooseMetric(own.find(({ figures }) => figures)?.figures);
    return {
      summary: modelSummary(name, own, metric),
      rows: withFront([...grouped(own, ({ run }) => settingOf(run)).values()].map((group) => row(group, metric))),
    };
  });
  return {
    sweep,
    complete: outcomes.every(({ state }) => state !== "waiting" && state !== "running"),
    models: models.map(({ summary }) => summary),
    rows: models.flatMap(({ rows }) => rows),
  };
}

function modelSummary(name: string, outcomes: readonly RunOutcome[], { label, unit, ofFp32 }: ChosenMetric): SweepModel {
  const first = outcomes.find(({ figures }) => figures)?.figures;
  return { name, metric: label, unit, fp32: first && ofFp32(first), fp32Bytes: first?.fp32Bytes, images: first?.metrics.images ?? 0 };
}

/** The same for runs that differ in nothing but the seed. */
function settingOf({ name, settings }: SweepRun): string {
  return name.endsWith(`-${settings.seed}`) ? name.slice(0, -`-${settings.seed}`.length) : name;
}

function row(outcomes: readonly RunOutcome[], metric: ChosenMetric): SweepRow {
  const { run } = outcomes[0]!;
  const { method, weights, activations, search } = run.settings;
  const figures = outcomes.flatMap((outcome) => outcome.figures ?? []);
  const values = figures.flatMap((found) => metric.of(found) ?? []);
  const average = (read: (found: RunFigures) => number | undefined) => mean(figures.flatMap((found) => read(found) ?? []));
  return {
    model: run.model,
    setting: settingOf(run),
    method,
    weights: search ? "mixed" : weights,
    activations,
    runs: outcomes.map(({ run: { name, settings }, state, error }) => ({
      run: name,
      seed: settings.seed,
      state,
      ...(error !== undefined && { error }),
    })),
    values,
    mean: mean(values),
    deviation: deviation(values),
    agreement: average(({ metrics: { agreement } }) => agreement),
    sqnr: average(({ metrics: { sqnr } }) => sqnr),
    weightBytes: average(({ weightBytes }) => weightBytes),
    averageBits: average(({ averageBits }) => averageBits),
    seconds: average(({ seconds }) => seconds),
    best: false,
  };
}

function withFront(rows: readonly SweepRow[]): SweepRow[] {
  return rows.map((own) => ({ ...own, best: own.mean !== undefined && !rows.some((other) => dominates(other, own)) }));
}

/** Whether `a` is at least as small and as good as `b`, and better in one of the two. */
function dominates(a: SweepRow, b: SweepRow): boolean {
  if (a.mean === undefined || b.mean === undefined || a.weightBytes === undefined || b.weightBytes === undefined) return false;
  return a.mean >= b.mean && a.weightBytes <= b.weightBytes && (a.mean > b.mean || a.weightBytes < b.weightBytes);
}

export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation. */
export function deviation(values: readonly number[]): number | undefined {
  const centre = mean(values);
  if (centre === undefined || values.length < 2) return undefined;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
