/** @file The smallest parts that blocks are put together from: regions, and the nodes outside of them. */
import { type Flow, source } from "./flow.ts";
import type { Region, RegionKind } from "./regions.ts";

/** A region, or a single node. Only its last vertex is read by other items. */
export interface Item {
  readonly kind: RegionKind | "layer" | "node";
  readonly vertices: readonly number[];
  /** Items that are read, once each; what the network is given is none. */
  readonly preds: readonly number[];
  readonly succs: readonly number[];
  readonly isOutput: boolean;
}

/** The items of a data flow in topological order. */
export function itemsOf(flow: Flow, regions: readonly Region[], isLayer: (vertex: number) => boolean): Item[] {
  const regionOf = new Map(regions.flatMap((region) => region.vertices.map((vertex) => [vertex, region] as const)));
  const indexOf = new Int32Array(flow.size);
  const parts: Pick<Item, "kind" | "vertices">[] = [];
  for (let vertex = source + 1; vertex < flow.size; vertex++) {
    const region = regionOf.get(vertex);
    if (region && region.vertices.at(-1) !== vertex) continue;
    for (const member of region?.vertices ?? [vertex]) indexOf[member] = parts.length;
    parts.push(region ?? { kind: isLayer(vertex) ? "layer" : "node", vertices: [vertex] });
  }
  const neighbours = (own: number, vertices: readonly number[], edges: readonly (readonly number[])[]) => {
    const found = new Set<number>();
    for (const vertex of vertices) for (const next of edges[vertex]!) if (next !== source) found.add(indexOf[next]!);
    found.delete(own);
    return [...found];
  };
  return parts.map(({ kind, vertices }, i) => ({
    kind,
    vertices,
    preds: neighbours(i, vertices, flow.preds),
    succs: neighbours(i, vertices, flow.succs),
    isOutput: vertices.some((vertex) => flow.isOutput[vertex]),
  }));
}
