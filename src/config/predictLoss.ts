/** @file What the measured sensitivities predict for an assignment of bits. */
import type { Sensitivity } from "./sensitivity.ts";

/** Predicted loss of bits by layer: the layers' losses, plus the terms of pairs in a block (BRECQ, section 3.4) and across blocks. Layers that are not named count as FP32. */
export function predictLoss(sensitivity: Sensitivity, bits: ReadonlyMap<string, number>): number {
  const alone = sensitivity.layers.reduce((sum, { layer, losses }) => sum + (losses[bits.get(layer) ?? ""] ?? 0), 0);
  const together = sensitivity.pairs.reduce((sum, { layers: [first, second], bits: [firstBits, secondBits], loss }) => {
    return bits.get(first) === firstBits && bits.get(second) === secondBits ? sum + loss : sum;
  }, 0);
  const across = sensitivity.crossings.reduce((sum, [first, firstBits, second, secondBits, loss]) => {
    return bits.get(first) === firstBits && bits.get(second) === secondBits ? sum + loss : sum;
  }, 0);
  return alone + together + across;
}
