/** @file Columns of the layer table: what they show, sort by and export. */
import * as l10n from "@vscode/l10n";
import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import { bitCount } from "../../../src/config/weightSize.ts";
import { activationRanges } from "../metrics/activationRange.ts";
import type { State } from "../state/state.ts";
import { bitsText, countText, lossText, shapeText } from "../text.ts";

export interface Column {
  id: string;
  label: string;
  numeric: boolean;
  /** What is sorted by and written to CSV. */
  value(layer: LayerFacts): number | string | undefined;
  text(layer: LayerFacts): string;
  /** Whose bits the cell shows and edits. */
  edits?: "weights" | "activations";
}

export function columns({ shown, sensitivity, details }: Pick<State, "shown" | "sensitivity" | "details">): Column[] {
  const losses = new Map(sensitivity?.layers.map(({ layer, losses }) => [layer, losses]));
  const results = new Map(shown.layers.map((layer) => [layer.name, layer]));
  const rangeOf = activationRanges(shown, details);
  const bitsOf = (name: string) => shown.bits[name] ?? { weights: "fp32" as const, activations: "fp32" as const };
  const plain = (id: string, label: string, value: (layer: LayerFacts) => string): Column => ({ id, label, numeric: false, value, text: value });
  const number = (id: string, label: string, value: (layer: LayerFacts) => number | undefined, format: (value: number) => string): Column => ({
    id,
    label,
    numeric: true,
    value,
    text: (layer) => {
      const found = value(layer);
      return found === undefined ? "–" : format(found);
    },
  });
  const bits = (which: "weights" | "activations", label: string): Column => ({
    id: which,
    label,
    numeric: true,
    value: ({ name }) => bitCount(bitsOf(name)[which]),
    text: ({ name }) => bitsText(bitsOf(name)[which]),
    edits: which,
  });
  return [
    plain("name", l10n.t("Layer"), ({ name }) => name),
    bits("weights", l10n.t("W bits")),
    bits("activations", l10n.t("A bits")),
    ...[2, 4, 8].map((count) => number(`sensitivity${count}`, l10n.t("Loss {0} b", count), ({ name }) => losses.get(name)?.[count], lossText)),
    plain("op", l10n.t("Operator"), ({ op }) => op),
    plain("block", l10n.t("Block"), ({ block }) => block),
    plain("shape", l10n.t("Shape"), ({ shape }) => shapeText(shape)),
    number("parameters", l10n.t("Parameters"), ({ parameters }) => parameters, countText),
    number("macs", l10n.t("MACs"), ({ macs }) => macs, countText),
    ...(["from", "to"] as const).map((end) =>
      number(`activation-${end}`, end === "from" ? l10n.t("A least") : l10n.t("A greatest"), (layer) => rangeOf(layer)?.[end], lossText),
    ),
    number(
      "sqnr",
      l10n.t("SQNR, dB"),
      ({ name, nearestSqnr }) => results.get(name)?.sqnr ?? nearestSqnr[String(bitsOf(name).weights)],
      (value) => value.toFixed(1),
    ),
    number(
      "flipped",
      l10n.t("Flips"),
      ({ name }) => results.get(name)?.flipped,
      (value) => `${(100 * value).toFixed(1)} %`,
    ),
  ];
}
