import type { Aggregate } from "./metric.ts";

/** One value for many; undefined where there is none. Weights count in the weighted mean only. */
export function aggregate(values: readonly { value: number; weight: number }[], how: Aggregate): number | undefined {
  if (values.length === 0) return undefined;
  const sum = (of: (entry: { value: number; weight: number }) => number) => values.reduce((total, entry) => total + of(entry), 0);
  switch (how) {
    case "sum":
      return sum(({ value }) => value);
    case "mean":
      return sum(({ value }) => value) / values.length;
    case "weighted mean": {
      const weights = sum(({ weight }) => weight);
      return weights > 0 ? sum(({ value, weight }) => value * weight) / weights : undefined;
    }
    case "greatest":
      return values.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    case "least":
      return values.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  }
}
