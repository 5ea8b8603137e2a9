import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { Column } from "../table/columns.ts";

/** The layer table, numbers unrounded. */
export function layersToCsv(layers: readonly LayerFacts[], columns: readonly Column[]): string {
  const lines = [columns.map(({ label }) => label), ...layers.map((layer) => columns.map((column) => column.value(layer)))];
  return `${lines.map((line) => line.map(cell).join(",")).join("\n")}\n`;
}

/** Quotes what would break the line, and disarms names that a spreadsheet would run as formulas. */
function cell(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
