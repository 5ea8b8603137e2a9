import { formatByteSize } from "../../config/byteSize.ts";
import type { SearchResult } from "../../config/searchResult.ts";
import { UserError } from "../../engine/errors.ts";
import { searchConfigured } from "../../worker/searchConfigured.ts";
import { writeBits } from "../../worker/writeBits.ts";
import { type Command, openRuntime, parse } from "../commandLine.ts";
import { parseCandidates, parseCost, parseLimitOptions } from "../searchOptions.ts";
import { textTable } from "../table.ts";

export const searchCommand: Command = {
  name: "search",
  usage: "CONFIG.brecq.json [RUN] --limit-size 0.5MB | --limit-bops N | --limit-latency N --table FILE",
  summary: "Chooses each layer's bits: the least predicted loss under limits.",
  options: [
    ["--limit-size SIZE", "the weights' size, e.g. 0.5MB (the run's own limits where none is given)"],
    ["--limit-bops N", "bit-operations for one input"],
    ["--limit-latency MS", "milliseconds by --table"],
    ["--table FILE", "latency table, or the name of a preset"],
    ["--candidates LIST", "bits to choose from, e.g. 2,4,8 (default: the run's, or 2,4,8)"],
    ["--front COST", "also the front of size, bops or latency against the predicted loss"],
    ["--write RUN", "write the bits into the config, as the layers of this run; it is made where it is missing"],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      "limit-size": { type: "string" },
      "limit-bops": { type: "string" },
      "limit-latency": { type: "string" },
      table: { type: "string" },
      candidates: { type: "string" },
      front: { type: "string" },
      write: { type: "string" },
    });
    const [configFile, run, ...more] = positionals;
    if (configFile === undefined) throw new UserError("The config's path is missing.", { hint: "See --help." });
    if (more.length > 0) throw new UserError(`Unexpected argument "${more[0]}".`, { hint: "See --help." });
    const candidates = values.candidates === undefined ? undefined : parseCandidates(values.candidates);
    const limit = parseLimitOptions(values);
    const cost = values.front === undefined ? undefined : parseCost(values.front);
    const { runtime, settings } = await openRuntime(values);
    const { search, front, measured } = await searchConfigured(
      { runtime, cacheBytes: settings.cacheBytes, configFile, run, candidates, limit, front: cost },
      context,
    );
    if (values.write !== undefined) await writeBits(configFile, values.write, measured.run, search);
    if (values.json) return context.print(JSON.stringify({ ...search, ...(front && { front }) }, undefined, 2));
    context.print([bitsTable(search), summary(search), ...(front ? [frontTable(front)] : [])].join("\n\n"));
  },
};

function bitsTable({ bits, fixed }: SearchResult): string {
  return textTable(
    ["layer", "bits", ""],
    Object.entries(bits).map(([layer, count]) => [layer, count, fixed.includes(layer) ? "fixed" : ""]),
  );
}

function summary({ predictedLoss, costs, seconds }: SearchResult): string {
  return `Predicted loss ${predictedLoss.toPrecision(3)}, ${costsText(costs)}; searched in ${seconds.toFixed(2)} s.`;
}

function costsText({ size, bops, latency }: SearchResult["costs"]): string {
  const parts = [
    size !== undefined && formatByteSize(size),
    bops !== undefined && `${bops.toPrecision(4)} bit-operations`,
    latency !== undefined && `${latency.toPrecision(4)} ms`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}

function frontTable({ points }: NonNullable<Awaited<ReturnType<typeof searchConfigured>>["front"]>): string {
  return textTable(
    ["size", "bit-operations", "latency", "predicted loss"],
    points.map(({ costs, predictedLoss }) => [
      costs.size === undefined ? undefined : formatByteSize(costs.size),
      costs.bops?.toPrecision(4),
      costs.latency === undefined ? undefined : `${costs.latency.toPrecision(4)} ms`,
      predictedLoss.toPrecision(3),
    ]),
  );
}
