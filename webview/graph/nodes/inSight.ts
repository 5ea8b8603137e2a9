/** @file What of a large drawing is near the screen: the rest is not even handed to React Flow, whose work grows with what it has. */
import type { Box } from "../layout/geometry.ts";
import type { Drawing } from "../state/state.ts";

export interface InSight {
  nodes: ReadonlySet<string>;
  edges: ReadonlySet<string>;
}

/** Part of the drawing that is on a screen. */
export function shownPart({ x, y, zoom }: { x: number; y: number; zoom: number }, { width, height }: { width: number; height: number }): Box {
  return { x: -x / zoom, y: -y / zoom, width: width / zoom, height: height / zoom };
}

/** A screen more on every side, so that moving a little needs nothing new. */
export function withSurroundings({ x, y, width, height }: Box): Box {
  return { x: x - width, y: y - height, width: 3 * width, height: 3 * height };
}

export function contains(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height
  );
}

export function onlyNode(id: string | undefined): InSight {
  return { nodes: new Set(id === undefined ? [] : [id]), edges: new Set() };
}

/** Nodes and edges that touch a region; of an edge both ends too, as it is not drawn without them. */
export function inSight({ graph, layout }: Drawing, region: Box): InSight {
  const touches = (left: number, top: number, right: number, bottom: number) =>
    left < region.x + region.width && right > region.x && top < region.y + region.height && bottom > region.y;
  const nodes = new Set<string>();
  for (const { id } of graph.nodes) {
    const { x, y, width, height } = layout.boxes[id]!;
    if (touches(x, y, x + width, y + height)) nodes.add(id);
  }
  const edges = new Set<string>();
  for (const { id, from, to } of graph.edges) {
    const points = layout.routes[id];
    if (!points) continue;
    let [left, right] = [points[0]!.x, points[0]!.x];
    for (const { x } of points) {
      if (x < left) left = x;
      if (x > right) right = x;
    }
    if (!touches(left - 1, points[0]!.y, right + 1, points.at(-1)!.y)) continue;
    edges.add(id);
    nodes.add(from);
    nodes.add(to);
  }
  return { nodes, edges };
}
