/** @file Figures as people read them. */
import * as l10n from "@vscode/l10n";
import type { Bits } from "../../src/config/schema.ts";

export function bitsText(bits: Bits): string {
  return bits === "fp32" ? "FP32" : String(bits);
}

export function bitsSentence(weights: Bits, activations: Bits): string {
  const side = (bits: Bits) => (bits === "fp32" ? "FP32" : l10n.t("{0} bits", bits));
  return l10n.t("weights {0}, activations {1}", side(weights), side(activations));
}

/** "1.2 M", "340 k", "12". */
export function countText(count: number): string {
  for (const [unit, size] of [
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    if (count >= size) return `${Number((count / size).toPrecision(3))} ${unit}`;
  }
  return String(Math.round(count));
}

export function shapeText(shape: readonly (number | string)[] | undefined): string {
  return shape ? shape.join("×") : "";
}

export function lossText(loss: number): string {
  return loss === 0 ? "0" : Math.abs(loss) >= 0.01 && Math.abs(loss) < 1000 ? String(Number(loss.toPrecision(3))) : loss.toExponential(1);
}
