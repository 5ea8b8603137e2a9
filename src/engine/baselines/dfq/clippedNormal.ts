/** @file Mean and variance of a normal variable behind an activation (Nagel et al. 2019, appendix C). */

export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/** Moments of clamp(x, low, high) for normal x; the bounds may be infinite, the variance may be 0. */
export function clippedNormal({ mean, variance }: Moments, low: number, high: number): Moments {
  const sd = Math.sqrt(variance);
  if (sd === 0) return { mean: Math.min(Math.max(mean, low), high), variance: 0 };
  const below = bound(mean, sd, low);
  const above = bound(mean, sd, high);
  const inside = above.probability - below.probability;
  // A clipped tail counts with its bound; an infinite bound has no tail.
  const tails = (power: number) =>
    (Number.isFinite(low) ? low ** power * below.probability : 0) + (Number.isFinite(high) ? high ** power * (1 - above.probability) : 0);
  const first = tails(1) + mean * inside - sd * (above.density - below.density);
  const edge = ({ density }: Bound, at: number) => (density === 0 ? 0 : (mean + at) * density);
  const second = tails(2) + (mean * mean + variance) * inside - sd * (edge(above, high) - edge(below, low));
  return { mean: first, variance: Math.max(0, second - first * first) };
}

/** Moments of x where x > 0 and slope x elsewhere, for normal x. */
export function leakyNormal({ mean, variance }: Moments, slope: number): Moments {
  const positive = clippedNormal({ mean, variance }, 0, Number.POSITIVE_INFINITY);
  const negative = clippedNormal({ mean: -mean, variance }, 0, Number.POSITIVE_INFINITY);
  const first = positive.mean - slope * negative.mean;
  const second = positive.variance + positive.mean ** 2 + slope * slope * (negative.variance + negative.mean ** 2);
  return { mean: first, variance: Math.max(0, second - first * first) };
}

interface Bound {
  /** Standard normal density and distribution function at the bound. */
  readonly density: number;
  readonly probability: number;
}

function bound(mean: number, sd: number, at: number): Bound {
  if (!Number.isFinite(at)) return { density: 0, probability: at > 0 ? 1 : 0 };
  const z = (at - mean) / sd;
  return { density: Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI), probability: normalProbability(z) };
}

/** The standard normal distribution function: erf's Taylor series in the middle, a continued fraction in the tails. */
export function normalProbability(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const tail = x < 2.5 ? (1 - erfSeries(x)) / 2 : erfcFraction(x) / 2;
  return z < 0 ? tail : 1 - tail;
}

function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80 && Math.abs(term) > 1e-17; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** erfc(x) = e^(-x²) / √π · 1/(x + ½/(x + 1/(x + ³⁄₂/(x + …)))), for x > 0. */
function erfcFraction(x: number): number {
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}
