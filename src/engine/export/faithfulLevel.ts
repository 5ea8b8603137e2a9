/** @file The optimization level at which an exported file is measured. */
import type { Verification } from "../../config/result.ts";

/** Greatest difference, relative to the outputs, that another order of summation makes where no activation is rounded. */
export const faithfulDifference = 1e-4;

/**
 * The highest level at which the file loads and computes what was promised; where none comes so near, the one that comes nearest. Undefined
 * where it loads at none.
 */
export function faithfulLevel(verification: readonly Verification[]): Verification | undefined {
  const loading = verification.filter(({ loads }) => loads);
  const distance = ({ maxDifference = Number.POSITIVE_INFINITY }: Verification) => maxDifference;
  const faithful = loading.filter((level) => distance(level) < faithfulDifference);
  if (faithful.length > 0) return faithful.at(-1);
  return loading.reduce<Verification | undefined>((nearest, level) => (nearest && distance(nearest) <= distance(level) ? nearest : level), undefined);
}
