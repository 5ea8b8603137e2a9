/** @file Places a graph with open groups: inner frames first, each level by itself, then edges that lead through the frames. */
import type { Box, Layout, LayoutEdge, LayoutNode, LayoutRequest, Point } from "./geometry.ts";
import { edgeKey, type LevelLayout, layoutLevel } from "./layoutLevel.ts";

export const frameHeader = 34;
export const framePadding = 18;

/** Where edges from outside enter a frame and leave it; ids of nodes never begin with a space. */
const inPort = " in";
const outPort = " out";
const rootId = " root";

export function layoutGraph({ nodes, edges }: LayoutRequest): Layout {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parentOf = (id: string) => {
    const parent = byId.get(id)?.parent;
    return parent !== undefined && byId.get(parent)?.frame ? parent : rootId;
  };
  const children = new Map<string, LayoutNode[]>([[rootId, []]]);
  for (const { id, frame } of nodes) if (frame) children.set(id, []);
  for (const node of nodes) children.get(parentOf(node.id))!.push(node);
  const routes = edges.filter(({ from, to }) => byId.has(from) && byId.has(to)).map((edge) => ({ edge, hops: hopsOf(edge, parentOf) }));
  const hopsIn = new Map<string, Hop[]>();
  for (const hop of routes.flatMap(({ hops }) => hops)) {
    const list = hopsIn.get(hop.frame);
    if (list) list.push(hop);
    else hopsIn.set(hop.frame, [hop]);
  }

  const levels = new Map<string, LevelLayout>();
  const sizes = new Map<string, { width: number; height: number }>();
  layoutFrame(rootId);
  const boxes = absoluteBoxes(children, levels, sizes);
  const root = levels.get(rootId)!;
  return {
    boxes: Object.fromEntries(boxes),
    routes: Object.fromEntries(routes.map(({ edge, hops }) => [edge.id, routePoints(edge, hops, boxes, levels)])),
    width: root.width,
    height: root.height,
  };

  function layoutFrame(id: string): void {
    for (const child of children.get(id)!) {
      if (child.frame) layoutFrame(child.id);
      else sizes.set(child.id, { width: child.width, height: child.height });
    }
    const hops = hopsIn.get(id) ?? [];
    const port = (name: string) => (hops.some(({ from, to }) => from === name || to === name) ? [{ id: name, width: 2, height: 1 }] : []);
    const inside = children.get(id)!.map((child) => ({ id: child.id, ...sizes.get(child.id)! }));
    const level = layoutLevel([...port(inPort), ...inside, ...port(outPort)], hops);
    levels.set(id, level);
    if (id === rootId) return;
    const least = byId.get(id)!;
    sizes.set(id, { width: Math.max(least.width, level.width + 2 * framePadding), height: level.height + frameHeader + framePadding });
  }
}

/** A part of an edge inside one frame, between its children or its ports. */
interface Hop {
  frame: string;
  from: string;
  to: string;
}

function hopsOf({ from, to }: LayoutEdge, parentOf: (id: string) => string): Hop[] {
  const above = (id: string) => {
    const chain = [id];
    while (chain.at(-1) !== rootId) chain.push(parentOf(chain.at(-1)!));
    return chain;
  };
  const [up, down] = [above(from), above(to)];
  const meeting = up.find((id) => down.includes(id))!;
  const leaving = up.slice(0, up.indexOf(meeting));
  const entering = down.slice(0, down.indexOf(meeting));
  return [
    ...leaving.slice(0, -1).map((id, i) => ({ frame: leaving[i + 1]!, from: id, to: outPort })),
    { frame: meeting, from: leaving.at(-1)!, to: entering.at(-1)! },
    ...entering
      .slice(0, -1)
      .map((id, i) => ({ frame: entering[i + 1]!, from: inPort, to: id }))
      .reverse(),
  ];
}

function absoluteBoxes(
  children: ReadonlyMap<string, LayoutNode[]>,
  levels: ReadonlyMap<string, LevelLayout>,
  sizes: ReadonlyMap<string, { width: number; height: number }>,
): Map<string, Box> {
  const boxes = new Map<string, Box>();
  const place = (frame: string) => {
    const origin = contentOrigin(boxes.get(frame), levels.get(frame)!);
    for (const { id, frame: isFrame } of children.get(frame)!) {
      const { x, y } = levels.get(frame)!.places.get(id)!;
      boxes.set(id, { x: origin.x + x, y: origin.y + y, ...sizes.get(id)! });
      if (isFrame) place(id);
    }
  };
  place(rootId);
  return boxes;
}

/** A frame that is wider than what it holds has it in the middle. */
function contentOrigin(box: Box | undefined, level: LevelLayout): Point {
  return box ? { x: box.x + (box.width - level.width) / 2, y: box.y + frameHeader } : { x: 0, y: 0 };
}

function routePoints({ from, to }: LayoutEdge, hops: Hop[], boxes: ReadonlyMap<string, Box>, levels: ReadonlyMap<string, LevelLayout>): Point[] {
  const [start, end] = [boxes.get(from)!, boxes.get(to)!];
  const points = [{ x: start.x + start.width / 2, y: start.y + start.height }];
  for (const hop of hops) {
    const level = levels.get(hop.frame)!;
    const box = boxes.get(hop.frame);
    const origin = contentOrigin(box, level);
    const absolute = ({ x, y }: Point) => ({ x: origin.x + x, y: origin.y + y });
    if (hop.from === inPort) points.push({ x: absolute(level.places.get(inPort)!).x, y: box!.y + frameHeader });
    points.push(...(level.bends.get(edgeKey(hop)) ?? []).map(absolute));
    if (hop.to === outPort) points.push({ x: absolute(level.places.get(outPort)!).x, y: box!.y + box!.height - framePadding / 2 });
  }
  points.push({ x: end.x + end.width / 2, y: end.y });
  return points;
}
