/** @file Metrics that can colour the nodes. */
import * as l10n from "@vscode/l10n";
import { bitCount } from "../../../src/config/weightSize.ts";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import type { State } from "../state/state.ts";
import { countText, lossText } from "../text.ts";
import { activationRanges } from "./activationRange.ts";

/** How groups sum up what is in them. */
export type Aggregate = "sum" | "mean" | "weighted mean" | "greatest" | "least";

export interface Metric {
  id: string;
  label: string;
  aggregate: Aggregate;
  /** Whether great ranges are spread by their logarithm. */
  logarithmic: boolean;
  format(value: number): string;
  layer?(name: string): number | undefined;
  /** For metrics that only whole blocks have. */
  block?(name: string): number | undefined;
}

const sensitivityBits = [2, 4, 8];

/** All metrics for a run. Where one has no values yet it is there all the same, so that what is measured can fill it. */
export function metrics(
  { model, sensitivity, details, nodeData }: Pick<State, "model" | "sensitivity" | "details" | "nodeData">,
  run: ShownRun,
): Metric[] {
  const facts = new Map(model?.layers.map((layer) => [layer.name, layer]));
  const losses = new Map(sensitivity?.layers.map((layer) => [layer.layer, layer.losses]));
  const blocks = new Map(run.blocks.map((block) => [block.name, block.loss]));
  const results = new Map(run.layers.map((layer) => [layer.name, layer]));
  const rangeOf = activationRanges(run, details);
  const weightBits = (name: string) => run.bits[name]?.weights ?? "fp32";
  const decibel = (value: number) => `${value.toFixed(1)} dB`;
  const bits = (value: number) => l10n.t("{0} bits", Number(value.toFixed(1)));
  const own = nodeData.map(
    (data): Metric => ({
      id: `data:${data.name}`,
      label: data.name,
      aggregate: "mean",
      logarithmic: false,
      format: (value) => String(Number(value.toPrecision(4))),
      layer: (name) => data.values[name]?.value,
    }),
  );
  if (model?.unprepared !== undefined) return own;
  return [
    ...sensitivityBits.map(
      (count): Metric => ({
        id: `sensitivity${count}`,
        label: l10n.t("Sensitivity at {0} bits", count),
        aggregate: "sum",
        logarithmic: true,
        format: lossText,
        layer: (name) => losses.get(name)?.[count],
      }),
    ),
    {
      id: "lossBefore",
      label: l10n.t("Block loss with nearest rounding"),
      aggregate: "mean",
      logarithmic: true,
      format: lossText,
      block: (name) => blocks.get(name)?.before,
    },
    {
      id: "lossAfter",
      label: l10n.t("Block loss after reconstruction"),
      aggregate: "mean",
      logarithmic: true,
      format: lossText,
      block: (name) => blocks.get(name)?.after,
    },
    {
      id: "weightBits",
      label: l10n.t("Bits of weights"),
      aggregate: "weighted mean",
      logarithmic: false,
      format: bits,
      layer: (name) => (facts.has(name) ? bitCount(weightBits(name)) : undefined),
    },
    {
      id: "activationBits",
      label: l10n.t("Bits of activations"),
      aggregate: "mean",
      logarithmic: false,
      format: bits,
      layer: (name) => (facts.has(name) ? bitCount(run.bits[name]?.activations ?? "fp32") : undefined),
    },
    {
      id: "parameters",
      label: l10n.t("Parameters"),
      aggregate: "sum",
      logarithmic: true,
      format: countText,
      layer: (name) => facts.get(name)?.parameters,
    },
    {
      id: "macs",
      label: l10n.t("Multiply-accumulates"),
      aggregate: "sum",
      logarithmic: true,
      format: countText,
      layer: (name) => facts.get(name)?.macs,
    },
    {
      id: "activationRange",
      label: l10n.t("Range of activations"),
      aggregate: "greatest",
      logarithmic: true,
      format: lossText,
      layer: (name) => {
        const range = facts.has(name) ? rangeOf(facts.get(name)!) : undefined;
        return range && range.to - range.from;
      },
    },
    {
      id: "sqnr",
      label: l10n.t("SQNR of weights"),
      aggregate: "least",
      logarithmic: false,
      format: decibel,
      layer: (name) => results.get(name)?.sqnr ?? facts.get(name)?.nearestSqnr[String(weightBits(name))],
    },
    ...own,
  ];
}

export function aggregateText(aggregate: Aggregate): string {
  switch (aggregate) {
    case "sum":
      return l10n.t("Groups show the sum.");
    case "mean":
      return l10n.t("Groups show the mean.");
    case "weighted mean":
      return l10n.t("Groups show the mean over their weights.");
    case "greatest":
      return l10n.t("Groups show the greatest value.");
    case "least":
      return l10n.t("Groups show the least value.");
  }
}
