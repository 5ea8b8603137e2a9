/** @file Cuts a level at the nodes that everything passes through: what lies between two of them is laid out on its own. */

export interface LevelEdge {
  from: string;
  to: string;
}

/** Ids so that edges lead forwards; the given order decides where they leave a choice, and cycles are cut at its first node. */
export function topologicalOrder(ids: readonly string[], edges: readonly LevelEdge[]): string[] {
  const waiting = new Map(ids.map((id) => [id, 0]));
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) {
    waiting.set(to, waiting.get(to)! + 1);
    const list = targets.get(from);
    if (list) list.push(to);
    else targets.set(from, [to]);
  }
  const order: string[] = [];
  const placed = new Set<string>();
  const ready = ids.filter((id) => waiting.get(id) === 0);
  let next = 0;
  for (;;) {
    for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
      if (placed.has(id)) continue;
      placed.add(id);
      order.push(id);
      const freed: string[] = [];
      for (const target of targets.get(id) ?? []) {
        waiting.set(target, waiting.get(target)! - 1);
        if (waiting.get(target) === 0) freed.push(target);
      }
      ready.unshift(...freed);
    }
    while (next < ids.length && placed.has(ids[next]!)) next++;
    if (next === ids.length) return order;
    ready.push(ids[next]!);
  }
}

/**
 * Parts of the order, each from one cut node to the next, which both belong to it. No edge leads over a cut node, so the parts
 * can be laid out one by one and put below one another.
 */
export function pieces(order: readonly string[], edges: readonly LevelEdge[]): string[][] {
  const rank = new Map(order.map((id, index) => [id, index]));
  const reach = order.map((_, index) => index);
  for (const { from, to } of edges) {
    const [low, high] = [rank.get(from)!, rank.get(to)!].sort((a, b) => a - b) as [number, number];
    reach[low] = Math.max(reach[low]!, high);
  }
  const result: string[][] = [];
  let start = 0;
  let furthest = 0;
  for (let index = 0; index < order.length; index++) {
    const isCut = furthest <= index;
    if (isCut && index > start) {
      result.push(order.slice(start, index + 1));
      start = index;
    }
    furthest = Math.max(furthest, reach[index]!);
  }
  if (result.length === 0 || start < order.length - 1) result.push(order.slice(start));
  return result;
}
