import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { Column } from "./columns.ts";

export interface Order {
  column: string;
  descending: boolean;
}

/** The layers that match every word of the filter in any column, sorted; values that are missing come last either way. */
export function tableRows(layers: readonly LayerFacts[], all: readonly Column[], filter: string, order: Order | undefined): LayerFacts[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = words.length === 0 ? [...layers] : layers.filter((layer) => matches(layer, all, words));
  const column = all.find(({ id }) => id === order?.column);
  if (!column || !order) return matching;
  const sign = order.descending ? -1 : 1;
  return matching.sort((a, b) => {
    const [first, second] = [column.value(a), column.value(b)];
    if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
    if (typeof first === "number" && typeof second === "number") return sign * (first - second);
    return sign * String(first).localeCompare(String(second), undefined, { numeric: true });
  });
}

function matches(layer: LayerFacts, all: readonly Column[], words: readonly string[]): boolean {
  const text = all
    .map((column) => column.text(layer))
    .join("\n")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
