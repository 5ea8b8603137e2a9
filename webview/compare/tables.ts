/** @file The tables: overview, losses of blocks, bits of layers. */
import * as l10n from "@vscode/l10n";
import { type Comparison, type ComparisonRow, formatValue } from "../../src/config/comparison.ts";
import { element } from "./dom.ts";
import { figureLabel } from "./labels.ts";

export function overviewTable({ runs, overview }: Comparison): HTMLElement {
  const rows = overview.map((row) => {
    const best = bestIndex(row);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, figureLabel(row.label)),
      ...row.values.map((value, index) => numberCell(formatValue(value, row.unit), index === best ? "best" : "")),
    );
  });
  return table(l10n.t("Overview"), ["", ...runs], rows);
}

/** Losses before and after, with a bar for the share of the loss that is left. */
export function blocksTable({ runs, blocks }: Comparison): HTMLElement {
  const rows = blocks.map(({ name, before, after }) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...runs.map((_, index) => lossCell(before[index], after[index]))),
  );
  return table(l10n.t("Loss of each block: nearest rounding → after reconstruction"), [l10n.t("Block"), ...runs], rows);
}

export function layersTable({ runs, layers }: Comparison): HTMLElement {
  const rows = layers.map(({ label, values }) => {
    const cells = values.map((value) => {
      const cell = numberCell(value === "fp32" ? "FP32" : formatValue(value, "bits"));
      if (typeof value === "number") cell.append(bar(value / 8, "bits"));
      return cell;
    });
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  });
  return table(l10n.t("Bits of each layer's weights"), [l10n.t("Layer"), ...runs], rows);
}

function lossCell(before: number | undefined, after: number | undefined): HTMLElement {
  if (before === undefined || after === undefined) return numberCell("–");
  const cell = numberCell(`${before.toPrecision(3)} → ${after.toPrecision(3)}`);
  cell.append(bar(before > 0 ? after / before : 1, "loss"));
  return cell;
}

/** A bar beside a number that says the same, so that it needs no words of its own. */
function bar(share: number, kind: string): HTMLElement {
  const fill = element("span", { class: `fill ${kind}` });
  fill.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

function numberCell(text: string, className = ""): HTMLTableCellElement {
  return element("td", { class: `number ${className}` }, element("span", {}, text));
}

export function table(caption: string, headings: string[], rows: HTMLElement[]): HTMLElement {
  const head = element("tr", {}, ...headings.map((heading, index) => element("th", { scope: "col", class: index === 0 ? "" : "number" }, heading)));
  // Wide tables scroll sideways, also by keyboard.
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...rows)),
  );
}

/** Where the best value of a row stands, if one is better than another. */
function bestIndex({ values, better }: ComparisonRow): number | undefined {
  const numbers = values.filter((value) => typeof value === "number");
  if (!better || numbers.length < 2 || Math.min(...numbers) === Math.max(...numbers)) return undefined;
  return values.indexOf(better === "higher" ? Math.max(...numbers) : Math.min(...numbers));
}
