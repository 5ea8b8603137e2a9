/** @file Fronts of searches: a plot, and the points as a table whose rows are chosen by mouse or arrow keys. */
import * as l10n from "@vscode/l10n";
import { bitsSummary, costText, frontCosts } from "../../src/config/frontTable.ts";
import type { Front, StoredFront } from "../../src/config/searchResult.ts";
import { copyButtons } from "./copyButtons.ts";
import { element } from "./dom.ts";
import { frontPlot } from "./frontPlot.ts";
import { send } from "./host.ts";
import { table } from "./tables.ts";

/** By run, which point is chosen; it stays while results come. */
const chosen = new Map<string | undefined, number>();

export function frontSection(stored: StoredFront): HTMLElement {
  const { run, search, front } = stored;
  const title = run === undefined ? l10n.t("Front of the search") : l10n.t("Front of the search of “{0}”", run);
  const plot = element("div", { class: "chart" });
  const bits = element("div", { role: "status" });
  const show = (index: number) => {
    chosen.set(run, index);
    plot.replaceChildren(frontPlot(stored, index, describe(title, front), costName(front.cost)));
    const point = front.points[index];
    bits.replaceChildren(...(point ? [element("h3", {}, l10n.t("Bits at {0}", costText(front.cost, point.costs))), bitsList(point.bits)] : []));
  };
  show(Math.min(chosen.get(run) ?? nearest(stored), front.points.length - 1));
  return element(
    "section",
    { class: "frontSection", "aria-label": title },
    element("h2", {}, title),
    element(
      "p",
      { class: "note" },
      l10n.t("Each point is the least predicted loss under one limit; the cross is what the search chose. Loss: {0}", search.measure),
    ),
    element(
      "div",
      { class: "toolbar" },
      element(
        "div",
        { role: "group", "aria-label": l10n.t("Copy the front") },
        ...copyButtons((format) => send({ type: "copy-front", format, run })),
      ),
    ),
    plot,
    pointsTable(stored, show),
    bits,
  );
}

function pointsTable({ run, front }: StoredFront, show: (index: number) => void): HTMLElement {
  const costs = frontCosts(front);
  const rows = front.points.map((point, index) => {
    // A group of radio buttons is one tab stop with arrow keys inside.
    const radio = element("input", { type: "radio", name: `front-${run ?? ""}`, id: `front-${run ?? ""}-${index}` });
    radio.checked = chosen.get(run) === index;
    radio.addEventListener("change", () => show(index));
    const label = element("label", { for: radio.id }, costText(front.cost, point.costs));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, radio, " ", label),
      ...costs.slice(1).map((kind) => element("td", { class: "number" }, costText(kind, point.costs))),
      element("td", { class: "number" }, point.predictedLoss.toPrecision(3)),
      element("td", {}, bitsSummary(point)),
    );
  });
  return table(l10n.t("Points of the front"), [...costs.map(costName), l10n.t("Predicted loss"), l10n.t("Layers × bits")], rows);
}

function bitsList(bits: Front["points"][number]["bits"]): HTMLElement {
  const items = Object.entries(bits).map(([layer, count]) => element("li", {}, `${layer} ${count === "fp32" ? "FP32" : count}`));
  return element("ul", { class: "bitsList" }, ...items);
}

/** The point whose cost is nearest to what the search chose. */
function nearest({ search, front: { cost, points } }: StoredFront): number {
  const wanted = search.costs[cost] ?? 0;
  const distance = (index: number) => Math.abs((points[index]!.costs[cost] ?? 0) - wanted);
  return points.reduce((best, _, index) => (distance(index) < distance(best) ? index : best), 0);
}

function describe(title: string, { cost, points }: Front): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return title;
  const [from, to] = [first.predictedLoss.toPrecision(3), last.predictedLoss.toPrecision(3)];
  return l10n.t("{0}: predicted loss {1} at {2} to {3} at {4}", title, from, costText(cost, first.costs), to, costText(cost, last.costs));
}

function costName(cost: Front["cost"]): string {
  switch (cost) {
    case "size":
      return l10n.t("Size");
    case "bops":
      return l10n.t("Bit-operations");
    case "latency":
      return l10n.t("Latency");
  }
}
