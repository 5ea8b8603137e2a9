/** @file What the graph view shows of a run: bits as the config says them, results where there are some. */
import { type LayerBits, layerBits } from "../../config/bits.ts";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import type { RunResult } from "../../config/result.ts";
import { type Bits, runSchema } from "../../config/schema.ts";
import type { ShownRun } from "../../protocol/graphView.ts";
import type { ConfigLayer, ConfigRun } from "../configDocument.ts";

/** @param run undefined shows FP32 */
export function shownRun(graph: NetworkGraph, run: ConfigRun | undefined, result: RunResult | undefined): ShownRun {
  const bits: ShownRun["bits"] = {};
  for (const { name } of graph.layers) bits[name] = run ? plannedBits(graph, run, name, result) : { weights: "fp32", activations: "fp32" };
  const firstLast = run ? graph.firstLast.filter((name) => readBits(overrideOf(graph, run, name)?.weights) === undefined) : [];
  return { run: run?.name, bits, firstLast, layers: result?.layers ?? [], activations: result?.activations ?? [], blocks: result?.blocks ?? [] };
}

/** The bits that a layer has without an override. */
export function ownBits(graph: NetworkGraph, run: ConfigRun, layer: string): LayerBits {
  return layerBits(runBits(run), graph.firstLast.includes(layer));
}

/** The name that a layer's override has in the config, or is to have. */
export function overrideName(graph: NetworkGraph, run: ConfigRun, layer: string): string {
  return overrideOf(graph, run, layer)?.name ?? layer;
}

/** The layer that an override is meant for. */
export function layerOfOverride(graph: NetworkGraph, name: string): string | undefined {
  if (graph.layers.some((layer) => layer.name === name)) return name;
  return Object.entries(graph.aliases).find(([, aliases]) => aliases.includes(name))?.[0];
}

function overrideOf(graph: NetworkGraph, run: ConfigRun, layer: string): ConfigLayer | undefined {
  return run.layers.find(({ name }) => name === layer) ?? run.layers.find(({ name }) => graph.aliases[layer]?.includes(name));
}

function plannedBits(graph: NetworkGraph, run: ConfigRun, layer: string, result: RunResult | undefined): LayerBits {
  const override = overrideOf(graph, run, layer);
  const weights = readBits(override?.weights) ?? searchedBits(run, result, layer);
  return layerBits(runBits(run), graph.firstLast.includes(layer), { weights, activations: readBits(override?.activations) });
}

/** A search chooses the bits: its last choice is shown. */
function searchedBits(run: ConfigRun, result: RunResult | undefined, layer: string): Bits | undefined {
  if (run.settings.search === undefined) return undefined;
  return result?.layers.find(({ name }) => name === layer)?.weightBits;
}

const defaults = runSchema.parse({});

/** Where the text has no bits, or none that can be, the default stands: the editor marks the mistake. */
function runBits({ settings }: ConfigRun): { weights: Bits; activations: Bits; firstLast: Bits } {
  const { weights, activations, firstLast } = defaults;
  return {
    weights: readBits(settings.weights) ?? weights,
    activations: readBits(settings.activations) ?? activations,
    firstLast: readBits(settings.firstLast) ?? firstLast,
  };
}

function readBits(value: unknown): Bits | undefined {
  if (value === "fp32") return "fp32";
  return typeof value === "number" && Number.isInteger(value) && value >= 2 && value <= 8 ? value : undefined;
}
