import { csvCell } from "../../../src/config/csvCell.ts";
import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { Column } from "../table/columns.ts";

/** The layer table, numbers unrounded. */
export function layersToCsv(layers: readonly LayerFacts[], columns: readonly Column[]): string {
  const lines = [columns.map(({ label }) => label), ...layers.map((layer) => columns.map((column) => column.value(layer)))];
  return `${lines.map((line) => line.map(csvCell).join(",")).join("\n")}\n`;
}
