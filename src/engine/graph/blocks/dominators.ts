/** @file Dominators of a data flow. */
import { type Flow, source } from "./flow.ts";

/**
 * For every vertex, the nearest one that each path to it from the source passes (the source's own is the source).
 * A vertex's dominator is the deepest common ancestor of its predecessors in the dominator tree; ancestors are found in logarithmic
 * time by a second link per vertex that jumps far (Myers 1983, "An applicative random-access stack").
 */
export function immediateDominators(flow: Flow): Int32Array {
  const parent = new Int32Array(flow.size);
  const jump = new Int32Array(flow.size);
  const depth = new Int32Array(flow.size);

  const toDepth = (start: number, target: number): number => {
    let vertex = start;
    while (depth[vertex]! > target) vertex = depth[jump[vertex]!]! >= target ? jump[vertex]! : parent[vertex]!;
    return vertex;
  };
  const commonAncestor = (first: number, second: number): number => {
    let a = toDepth(first, depth[second]!);
    let b = toDepth(second, depth[a]!);
    while (a !== b) {
      const far = jump[a] !== jump[b];
      a = far ? jump[a]! : parent[a]!;
      b = far ? jump[b]! : parent[b]!;
    }
    return a;
  };

  for (let vertex = source + 1; vertex < flow.size; vertex++) {
    const above = flow.preds[vertex]!.reduce(commonAncestor);
    const leap = jump[above]!;
    parent[vertex] = above;
    depth[vertex] = depth[above]! + 1;
    jump[vertex] = depth[above]! - depth[leap]! === depth[leap]! - depth[jump[leap]!]! ? jump[leap]! : above;
  }
  return parent;
}
