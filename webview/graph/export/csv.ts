import { csvText } from "../../../src/config/csv.ts";
import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { Column } from "../table/columns.ts";

/** The layer table, numbers unrounded. */
export function layersToCsv(layers: readonly LayerFacts[], columns: readonly Column[]): string {
  return csvText([columns.map(({ label }) => label), ...layers.map((layer) => columns.map((column) => column.value(layer)))]);
}
