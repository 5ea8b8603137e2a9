/** @file Adam (Kingma & Ba 2015, algorithm 1) as graph nodes, in the form and with the constants that PyTorch uses. */
import type { GraphBuilder } from "../graph/builder.ts";

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

/** The factors of step `t` (from 1) that the host computes: the rate over its bias correction, and 1/sqrt of the other. */
export function adamFactors(rate: number, t: number): { step: number; correction: number } {
  return { step: rate / (1 - beta1 ** t), correction: 1 / Math.sqrt(1 - beta2 ** t) };
}

/** Emits one update. All values are of one shape; `step` and `correction` are scalars from {@link adamFactors}. */
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
  const newMean = b.op("Add", [b.op("Mul", [mean, b.scalar(beta1)]), b.op("Mul", [gradient, b.scalar(1 - beta1)])]);
  const newSquare = b.op("Add", [b.op("Mul", [square, b.scalar(beta2)]), b.op("Mul", [b.op("Mul", [gradient, gradient]), b.scalar(1 - beta2)])]);
  const root = b.op("Add", [b.op("Mul", [b.op("Sqrt", [newSquare]), correction]), b.scalar(epsilon)]);
  const change = b.op("Mul", [b.op("Div", [newMean, root]), step]);
  return { value: b.op("Sub", [value, change]), mean: newMean, square: newSquare };
}
