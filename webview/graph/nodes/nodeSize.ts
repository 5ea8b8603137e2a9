import type { GraphNode } from "../state/state.ts";

/** Sizes are known before anything is drawn, so that the layout needs no measuring and nodes out of sight no drawing. */
export function nodeSize(node: GraphNode): { width: number; height: number } {
  if (node.type === "terminal") return { width: 180, height: 40 };
  if (node.type === "group") return { width: 236, height: node.open ? 0 : 78 };
  return node.layer === undefined ? { width: 176, height: 44 } : { width: 236, height: 78 };
}
