/** @file A sweep in the compare view: its Pareto plot and its table, whose columns sort it. */
import * as l10n from "@vscode/l10n";
import { formatByteSize } from "../../src/config/byteSize.ts";
import { paretoSvg } from "../../src/config/paretoSvg.ts";
import { valueText } from "../../src/config/sweepMarkdown.ts";
import type { SweepModel, SweepRow, SweepTable } from "../../src/config/sweepResult.ts";
import type { ToCompareView } from "../../src/protocol/compareView.ts";
import { copyButtons } from "./copyButtons.ts";
import { element } from "./dom.ts";
import { send } from "./host.ts";

type SweepMessage = Extract<ToCompareView, { type: "show-sweep" }>;

interface Column {
  readonly title: string;
  readonly text: (row: SweepRow) => string;
  /** What the column sorts by; rows without it come last. */
  readonly value: (row: SweepRow) => number | string | undefined;
  readonly numeric: boolean;
}

export function sweepView({ table, problem, progress }: SweepMessage): HTMLElement[] {
  const title = element("h1", {}, table ? l10n.t("Sweep {0}", table.sweep) : l10n.t("Sweep"));
  const notes = [progress && l10n.t("It goes on: {0}", progress), problem].flatMap((note) =>
    note ? [element("p", { class: "note", role: "status" }, note)] : [],
  );
  if (!table) {
    return [title, ...notes, ...(problem ? [] : [element("p", {}, l10n.t("No run of this sweep has a result yet. Run it from the lens above it."))])];
  }
  return [
    title,
    ...notes,
    element(
      "div",
      { class: "toolbar", role: "group", "aria-label": l10n.t("Copy") },
      ...copyButtons((format) => send({ type: "copy-sweep", format }), "copy-sweep"),
    ),
    plot(table),
    ...table.models.map((model) =>
      modelTable(
        model,
        table.rows.filter((row) => row.model === model.name),
      ),
    ),
    ...failures(table),
  ];
}

/** In the theme's own colour of text. Parsed as an image of its own, in which no script runs. */
function plot(table: SweepTable): HTMLElement {
  const svg = new DOMParser().parseFromString(paretoSvg(table, { ink: "currentColor", background: undefined }), "image/svg+xml").documentElement;
  return element("figure", { class: "pareto" }, document.importNode(svg, true));
}

function modelTable(model: SweepModel, rows: SweepRow[]): HTMLElement {
  const columns = columnsOf(model);
  const body = element("tbody");
  const fill = (sorted: readonly SweepRow[]) => body.replaceChildren(...sorted.map((row) => line(row, columns)));
  const headers = columns.map((column) => {
    const button = element("button", { class: "sort" }, column.title);
    const header = element("th", { scope: "col", "aria-sort": "none", class: column.numeric ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") !== "descending";
      for (const other of headers) other.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      fill(sortedBy(rows, column, descending));
    });
    return header;
  });
  fill(rows);
  const reference = model.fp32 === undefined ? "" : ` · FP32 ${model.fp32.toFixed(2)}${model.unit === "%" ? " %" : ` ${model.unit}`}`;
  return element(
    "section",
    {},
    element("h2", {}, `${model.name}${reference}`),
    element("table", { class: "sweep" }, element("thead", {}, element("tr", {}, ...headers)), body),
  );
}

function columnsOf({ metric, unit }: SweepModel): Column[] {
  const number = (title: string, value: Column["value"], text: (row: SweepRow) => string | undefined): Column => ({
    title,
    value,
    text: (row) => text(row) ?? "–",
    numeric: true,
  });
  return [
    { title: l10n.t("Setting"), text: ({ setting }) => setting, value: ({ setting }) => setting, numeric: false },
    number(`${metric} (${unit})`, ({ mean }) => mean, valueText),
    number(
      l10n.t("Agreement (%)"),
      ({ agreement }) => agreement,
      ({ agreement }) => agreement?.toFixed(2),
    ),
    number(
      "SQNR (dB)",
      ({ sqnr }) => sqnr,
      ({ sqnr }) => sqnr?.toFixed(1),
    ),
    number(
      l10n.t("Weights"),
      ({ weightBytes }) => weightBytes,
      ({ weightBytes }) => (weightBytes === undefined ? undefined : formatByteSize(Math.round(weightBytes))),
    ),
    number(
      l10n.t("Bits"),
      ({ averageBits }) => averageBits,
      ({ averageBits }) => averageBits?.toFixed(2),
    ),
    number(
      l10n.t("Seconds"),
      ({ seconds }) => seconds,
      ({ seconds }) => seconds?.toFixed(1),
    ),
    number(
      l10n.t("Seeds"),
      ({ values }) => values.length,
      ({ values, runs }) => `${values.length}/${runs.length}`,
    ),
  ];
}

function line(row: SweepRow, columns: readonly Column[]): HTMLElement {
  const [first, ...rest] = columns;
  const name = element("th", { scope: "row" }, first!.text(row));
  const best: Record<string, string> = row.best ? { class: "best", title: l10n.t("On the Pareto front: nothing is both as small and as good.") } : {};
  return element("tr", best, name, ...rest.map(({ text }) => element("td", { class: "number" }, text(row))));
}

function sortedBy(rows: readonly SweepRow[], { value }: Column, descending: boolean): SweepRow[] {
  const known = rows.filter((row) => value(row) !== undefined);
  const order = known.toSorted((a, b) => {
    const [x, y] = [value(a)!, value(b)!];
    return x < y ? -1 : x > y ? 1 : 0;
  });
  return [...(descending ? order.toReversed() : order), ...rows.filter((row) => value(row) === undefined)];
}

function failures({ rows }: SweepTable): HTMLElement[] {
  const lines = rows.flatMap(({ model, runs }) => runs.flatMap(({ run, error }) => (error ? [element("li", {}, `${model}, ${run}: ${error}`)] : [])));
  return lines.length === 0 ? [] : [element("section", { class: "warnings" }, element("h2", {}, l10n.t("Not done")), element("ul", {}, ...lines))];
}
