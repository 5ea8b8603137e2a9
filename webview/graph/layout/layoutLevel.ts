/** @file Places the children of one frame: dagre for each piece between cut nodes, the pieces below one another. */
import dagre from "@dagrejs/dagre";
import type { Point } from "./geometry.ts";
import { type LevelEdge, pieces, topologicalOrder } from "./pieces.ts";

export interface LevelNode {
  id: string;
  width: number;
  height: number;
}

/** Places of the nodes' upper left corners and the bends of the edges, by `edgeKey`. */
export interface LevelLayout {
  places: Map<string, Point>;
  bends: Map<string, Point[]>;
  width: number;
  height: number;
}

interface PieceLayout {
  places: Point[];
  bends: Point[][];
}

const rankGap = 28;
const nodeGap = 28;
/** Above so many nodes the simpler ranking is taken, as dagre's own takes quadratic time. */
const simpleRankingFrom = 1500;
const cachedPieces = 2000;

/** Deep networks repeat the same piece hundreds of times, and opening a group leaves most pieces as they were. */
const cache = new Map<string, PieceLayout>();

export const edgeKey = ({ from, to }: LevelEdge) => `${from}\n${to}`;

export function layoutLevel(nodes: readonly LevelNode[], allEdges: readonly LevelEdge[]): LevelLayout {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = [...new Map(allEdges.filter(({ from, to }) => from !== to).map((edge) => [edgeKey(edge), edge])).values()];
  const order = topologicalOrder([...byId.keys()], edges);
  const parts = pieces(order, edges);
  const edgesOf = splitEdges(parts, edges);
  const places = new Map<string, Point>();
  const bends = new Map<string, Point[]>();
  parts.forEach((ids, index) => {
    const partNodes = ids.map((id) => byId.get(id)!);
    const local = layoutPiece(partNodes, edgesOf[index]!);
    const start = places.get(ids[0]!);
    const shift = start ? { x: start.x - local.places[0]!.x, y: start.y - local.places[0]!.y } : { x: 0, y: 0 };
    const move = ({ x, y }: Point) => ({ x: x + shift.x, y: y + shift.y });
    ids.forEach((id, i) => {
      places.set(id, move(local.places[i]!));
    });
    edgesOf[index]!.forEach((edge, i) => {
      bends.set(edgeKey(edge), local.bends[i]!.map(move));
    });
  });
  return moveToOrigin(nodes, places, bends);
}

function splitEdges(parts: readonly string[][], edges: readonly LevelEdge[]): LevelEdge[][] {
  const partsOf = new Map<string, Set<number>>();
  parts.forEach((ids, index) => {
    for (const id of ids) partsOf.set(id, (partsOf.get(id) ?? new Set()).add(index));
  });
  const result: LevelEdge[][] = parts.map(() => []);
  for (const edge of edges) {
    const shared = [...partsOf.get(edge.from)!].find((index) => partsOf.get(edge.to)!.has(index));
    result[shared!]!.push(edge);
  }
  return result;
}

function layoutPiece(nodes: readonly LevelNode[], edges: readonly LevelEdge[]): PieceLayout {
  if (nodes.length <= 2 && edges.length === nodes.length - 1) return stack(nodes, edges);
  const rank = new Map(nodes.map(({ id }, index) => [id, index]));
  const ends = edges.map(({ from, to }) => [rank.get(from)!, rank.get(to)!] as const);
  const signature = `${nodes.map(({ width, height }) => `${width}x${height}`).join()}|${ends.map((pair) => pair.join("-")).join()}`;
  let layout = cache.get(signature);
  if (!layout) {
    layout = runDagre(nodes, ends);
    if (cache.size >= cachedPieces) cache.clear();
    cache.set(signature, layout);
  }
  return layout;
}

function stack(nodes: readonly LevelNode[], edges: readonly LevelEdge[]): PieceLayout {
  let y = 0;
  const places = nodes.map(({ width, height }) => {
    const place = { x: -width / 2, y };
    y += height + rankGap;
    return place;
  });
  return { places, bends: edges.map(() => []) };
}

function runDagre(nodes: readonly LevelNode[], ends: readonly (readonly [number, number])[]): PieceLayout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: "TB",
    ranksep: rankGap,
    nodesep: nodeGap,
    edgesep: 16,
    ranker: nodes.length > simpleRankingFrom ? "longest-path" : "network-simplex",
  });
  nodes.forEach(({ width, height }, index) => {
    graph.setNode(String(index), { width, height });
  });
  for (const [from, to] of ends) graph.setEdge(String(from), String(to), {});
  dagre.layout(graph);
  return {
    places: nodes.map(({ width, height }, index) => {
      const { x, y } = graph.node(String(index)) as Point;
      return { x: x - width / 2, y: y - height / 2 };
    }),
    bends: ends.map(([from, to]) => (graph.edge(String(from), String(to)) as { points: Point[] }).points.slice(1, -1).map(({ x, y }) => ({ x, y }))),
  };
}

function moveToOrigin(nodes: readonly LevelNode[], places: Map<string, Point>, bends: Map<string, Point[]>): LevelLayout {
  const box = { left: 0, top: 0, right: 0, bottom: 0 };
  nodes.forEach(({ id, width, height }, index) => {
    const { x, y } = places.get(id)!;
    box.left = index === 0 ? x : Math.min(box.left, x);
    box.top = index === 0 ? y : Math.min(box.top, y);
    box.right = index === 0 ? x + width : Math.max(box.right, x + width);
    box.bottom = index === 0 ? y + height : Math.max(box.bottom, y + height);
  });
  for (const points of bends.values()) {
    for (const { x } of points) {
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x);
    }
  }
  const move = ({ x, y }: Point) => ({ x: x - box.left, y: y - box.top });
  return {
    places: new Map([...places].map(([id, point]) => [id, move(point)])),
    bends: new Map([...bends].map(([key, points]) => [key, points.map(move)])),
    width: box.right - box.left,
    height: box.bottom - box.top,
  };
}
