/** @file Adam (Kingma & Ba 2015, algorithm 1) as graph nodes, in the form and with the constants that PyTorch uses. */
import type { GraphBuilder } from "../graph/builder.ts";

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

/** The factors of step `t` (from 1) that the host computes: the rate over its bias correction, and 1/sqrt of the other. */
export function adamFactors(rate: number, t: number): { step: number; correction: number } {
  return { step: rate / (1 - beta1 ** t), correction: 1 / Math.sqrt(1 - beta2 ** t) };
}

/**
 * Emits one update. All values are of one shape; `step` and `correction` are scalars from {@link adamFactors}. The moments are kept as sums,
 * mean / (1 - β1) and square / (1 - β2), and the factors left out are put into scalars: every pass over long vectors counts.
 */
export function emitAdam(
  b: GraphBuilder,
  {
    value,
    mean,
    square,
    gradient,
    step,
    correction,
  }: { value: string; mean: string; square: string; gradient: string; step: string; correction: string },
): { value: string; mean: string; square: string } {
  const newMean = b.op("Add", [b.op("Mul", [mean, b.scalar(beta1)]), gradient]);
  const newSquare = b.op("Add", [b.op("Mul", [square, b.scalar(beta2)]), b.op("Mul", [gradient, gradient])]);
  const unit = b.op("Mul", [correction, b.scalar(Math.sqrt(1 - beta2))]);
  const root = b.op("Add", [b.op("Sqrt", [newSquare]), b.op("Div", [b.scalar(epsilon), unit])]);
  const rate = b.op("Div", [b.op("Mul", [step, b.scalar(1 - beta1)]), unit]);
  const change = b.op("Mul", [b.op("Div", [newMean, root]), rate]);
  return { value: b.op("Sub", [value, change]), mean: newMean, square: newSquare };
}
