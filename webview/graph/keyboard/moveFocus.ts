/** @file The arrow keys in the graph. */
import { focusNode, node, reveal, toggleGroup } from "../state/actions.ts";
import { getState } from "../state/store.ts";

/** Moves along edges (up, down) and between neighbours (left, right), opens and closes with Enter. Says whether the key was one of these. */
export function moveFocus(key: string): boolean {
  const { drawing, focused } = getState();
  if (!drawing) return false;
  const current = node(focused) ?? drawing.graph.nodes[0];
  if (!current) return false;
  if (key === "Enter") {
    if (current.type === "group") toggleGroup(current.id);
    return true;
  }
  const target = node(focused) === undefined ? (key.startsWith("Arrow") ? current.id : undefined) : neighbour(current.id, key);
  if (target !== undefined) {
    focusNode(target);
    reveal(target);
  }
  return target !== undefined || key.startsWith("Arrow");
}

function neighbour(id: string, key: string): string | undefined {
  const { graph, layout } = getState().drawing!;
  const box = layout.boxes[id]!;
  const from = { x: box.x + box.width / 2, y: box.y };
  const nearest = (ids: string[]) =>
    ids.reduce<string | undefined>((best, other) => (best === undefined || distance(other) < distance(best) ? other : best), undefined);
  const distance = (other: string) => {
    const { x, y, width } = layout.boxes[other]!;
    return Math.abs(x + width / 2 - from.x) + 2 * Math.abs(y - from.y);
  };
  const isFrame = (other: string) => graph.nodes.some((each) => each.id === other && each.type === "group" && each.open);
  switch (key) {
    case "ArrowDown":
      if (isFrame(id)) return nearest(graph.nodes.filter((each) => each.type !== "terminal" && each.parent === id).map((each) => each.id));
      return nearest(graph.edges.filter((edge) => edge.from === id).map(({ to }) => to));
    case "ArrowUp": {
      const above = nearest(graph.edges.filter((edge) => edge.to === id).map((edge) => edge.from));
      if (above !== undefined && !isFrame(id)) return above;
      const parent = graph.nodes.find((each) => each.id === id);
      return parent && parent.type !== "terminal" ? parent.parent : undefined;
    }
    case "ArrowLeft":
    case "ArrowRight": {
      const sign = key === "ArrowLeft" ? -1 : 1;
      const beside = graph.nodes.filter(({ id: other }) => {
        const { x, y, width, height } = layout.boxes[other]!;
        return other !== id && sign * (x + width / 2 - from.x) > 8 && y < box.y + box.height && y + height > box.y && !isFrame(other);
      });
      return nearest(beside.map((each) => each.id));
    }
    default:
      return undefined;
  }
}
