/** @file The graph in small on a canvas: boxes without text. Some hundred of them take a few milliseconds, where elements would take a frame each ten. */
import type { Viewport } from "@xyflow/react";
import type { Box, Point } from "../layout/geometry.ts";
import type { FlowNode, NodeView } from "../nodes/flowNodes.ts";
import { shownPart } from "../nodes/inSight.ts";
import type { Drawing, GraphNode } from "../state/state.ts";

export interface OverviewColours {
  node: string;
  border: string;
  edge: string;
  background: string;
  focus: string;
  warning: string;
}

/** Colours as the style sheet has them. */
export function overviewColours(element: Element): OverviewColours {
  const style = getComputedStyle(element);
  const first = (...names: string[]) => names.map((name) => style.getPropertyValue(name).trim()).find((value) => value !== "") ?? style.color;
  return {
    node: style.color,
    border: first("--frame"),
    edge: first("--vscode-descriptionForeground"),
    background: first("--vscode-editor-background"),
    focus: first("--vscode-focusBorder"),
    warning: first("--vscode-editorWarning-foreground"),
  };
}

export interface OverviewPicture {
  drawing: Drawing;
  nodeAt(node: GraphNode): FlowNode;
  traced: ReadonlySet<string> | undefined;
  viewport: Viewport;
  /** Of the canvas, in pixels of the page. */
  size: { width: number; height: number };
  colours: OverviewColours;
}

const faintness = 0.25;
/** The shade of nodes that no metric colours. */
const plainness = 0.45;

/** Paints what is in sight: frames, edges, nodes. The context's unit is a pixel of the page. */
export function paintOverview(context: CanvasRenderingContext2D, picture: OverviewPicture): void {
  const { drawing, nodeAt, viewport, size, colours } = picture;
  context.clearRect(0, 0, size.width, size.height);
  const region = shownPart(viewport, size);
  const inSight = drawing.graph.nodes.filter(({ id }) => overlaps(drawing.layout.boxes[id]!, region));
  const views = inSight.map((node) => ({ view: nodeAt(node).data, box: onScreen(drawing.layout.boxes[node.id]!, viewport) }));
  const isFrame = ({ node }: NodeView) => node.type === "group" && node.open;
  for (const { view, box } of views) if (isFrame(view)) paintFrame(context, view, box, colours);
  paintEdges(context, picture, region);
  for (const { view, box } of views) if (!isFrame(view)) paintNode(context, view, box, colours);
}

/** The innermost node at a point of the canvas. */
export function nodeAtPoint(drawing: Drawing, { x, y }: Point, viewport: Viewport): GraphNode | undefined {
  const point = { x: (x - viewport.x) / viewport.zoom, y: (y - viewport.y) / viewport.zoom, width: 0, height: 0 };
  const area = ({ id }: GraphNode) => drawing.layout.boxes[id]!.width * drawing.layout.boxes[id]!.height;
  return drawing.graph.nodes.reduce<GraphNode | undefined>((best, node) => {
    if (!overlaps(drawing.layout.boxes[node.id]!, point)) return best;
    return best === undefined || area(node) < area(best) ? node : best;
  }, undefined);
}

function paintFrame(context: CanvasRenderingContext2D, view: NodeView, box: Box, colours: OverviewColours): void {
  context.globalAlpha = 1;
  context.lineWidth = 1;
  context.strokeStyle = colours.border;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.width, box.height);
  paintMarks(context, view, box, colours);
}

function paintNode(context: CanvasRenderingContext2D, view: NodeView, box: Box, colours: OverviewColours): void {
  context.globalAlpha = (view.faint ? faintness : 1) * (view.heat ? 1 : plainness);
  context.fillStyle = view.heat?.background ?? colours.node;
  context.fillRect(box.x, box.y, Math.max(1, box.width), Math.max(1, box.height));
  context.globalAlpha = view.faint ? faintness : 1;
  paintMarks(context, view, box, colours);
}

/** Difference, selection and focus: rings around a box, wide enough to be seen around the smallest. */
function paintMarks(context: CanvasRenderingContext2D, view: NodeView, box: Box, colours: OverviewColours): void {
  const ring = (colour: string, distance: number) => {
    context.lineWidth = 2;
    context.strokeStyle = colour;
    context.strokeRect(box.x - distance, box.y - distance, box.width + 2 * distance, box.height + 2 * distance);
  };
  if (view.difference !== undefined) ring(colours.warning, 0);
  if (view.selected) ring(colours.focus, 2);
  if (view.focused) ring(colours.focus, 5);
}

function paintEdges(context: CanvasRenderingContext2D, { drawing, traced, viewport, colours }: OverviewPicture, region: Box): void {
  const plain = new Path2D();
  const faint = new Path2D();
  for (const { id, from, to } of drawing.graph.edges) {
    const points = drawing.layout.routes[id];
    if (!points || !routeOverlaps(points, region)) continue;
    const path = traced === undefined || (traced.has(from) && traced.has(to)) ? plain : faint;
    points.forEach(({ x, y }, index) => {
      const [left, top] = [x * viewport.zoom + viewport.x, y * viewport.zoom + viewport.y];
      if (index === 0) path.moveTo(left, top);
      else path.lineTo(left, top);
    });
  }
  context.lineWidth = 1;
  context.strokeStyle = colours.edge;
  context.globalAlpha = 1;
  context.stroke(plain);
  context.globalAlpha = faintness;
  context.stroke(faint);
}

function onScreen({ x, y, width, height }: Box, viewport: Viewport): Box {
  const { zoom } = viewport;
  return { x: x * zoom + viewport.x, y: y * zoom + viewport.y, width: width * zoom, height: height * zoom };
}

function overlaps(a: Box, b: Box): boolean {
  return a.x <= b.x + b.width && a.x + a.width >= b.x && a.y <= b.y + b.height && a.y + a.height >= b.y;
}

/** Routes lead downwards, so their ends say how high they reach. */
function routeOverlaps(points: readonly Point[], region: Box): boolean {
  return points[0]!.y <= region.y + region.height && points.at(-1)!.y >= region.y;
}
