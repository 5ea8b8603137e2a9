/** @file The layers at a network's ends. */
import { type Flow, source } from "./flow.ts";

/**
 * Layers that read nothing but the network's inputs, with no layer between, and layers that nothing but the network's outputs depends on.
 * A layer that another path joins (a late layer that also sees the image, a feature map that is also an output) is neither.
 */
export function endLayers(flow: Flow, isLayer: (vertex: number) => boolean): Set<number> {
  const ends = new Set<number>();
  const before = new Uint8Array(flow.size);
  before[source] = 1;
  for (let vertex = source + 1; vertex < flow.size; vertex++) {
    const reachable = flow.preds[vertex]!.every((pred) => before[pred]);
    if (reachable && isLayer(vertex)) ends.add(vertex);
    else if (reachable) before[vertex] = 1;
  }
  const after = new Uint8Array(flow.size);
  for (let vertex = flow.size - 1; vertex > source; vertex--) {
    const reachable = flow.succs[vertex]!.every((succ) => after[succ]);
    if (reachable && isLayer(vertex)) ends.add(vertex);
    else if (reachable) after[vertex] = 1;
  }
  return ends;
}
