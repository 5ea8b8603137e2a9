import type { Sensitivity } from "../../../src/config/sensitivity.ts";

/** Bits at which all pairs of a block are measured: those nearest to what is set, else the fewest. */
export function pairLoss(sensitivity: Sensitivity, first: string, second: string, bits: number): number | undefined {
  if (first === second) return sensitivity.layers.find(({ layer }) => layer === first)?.losses[bits];
  return sensitivity.pairs.find(
    ({ layers: [a, b], bits: [one, other] }) => one === bits && other === bits && ((a === first && b === second) || (a === second && b === first)),
  )?.loss;
}
