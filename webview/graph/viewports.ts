/** @file What part of the graph is in sight, and that both panes show the same. */
import type { ReactFlowInstance, Viewport } from "@xyflow/react";
import type { Box } from "./layout/geometry.ts";
import type { FlowEdge, FlowNode } from "./nodes/flowNodes.ts";
import type { Drawing } from "./state/state.ts";
import { getState } from "./state/store.ts";

type Flow = ReactFlowInstance<FlowNode, FlowEdge>;
const flows = new Map<number, Flow>();

export function register(pane: number, flow: Flow): void {
  flows.set(pane, flow);
  const other = flows.get(1 - pane);
  if (other) flow.setViewport(other.getViewport());
}

/** The other pane follows. */
export function sync(pane: number, viewport: Viewport): void {
  const other = getState().comparing ? flows.get(1 - pane) : undefined;
  if (!other) return;
  const { x, y, zoom } = other.getViewport();
  if (x !== viewport.x || y !== viewport.y || zoom !== viewport.zoom) other.setViewport(viewport);
}

/** Smaller, a deep network would be a line. */
export const leastZoom = 0.02;
/** From this zoom on, nodes have text in them; below, a canvas shows boxes only. */
export const textFrom = 0.25;
const margin = 24;
/** Text can be read at these. */
const readable = { least: 0.6, greatest: 1.1 };

/**
 * Where to look in a new drawing: at its beginning where nothing is in focus; else at the node in focus, which stays where it was on the
 * screen when it was drawn before, and comes to the middle otherwise.
 */
export function viewportFor(
  drawing: Drawing,
  before: Drawing | undefined,
  now: Viewport,
  area: { width: number; height: number },
): Viewport | undefined {
  const { layout, focus } = drawing;
  const isElsewhere = before !== undefined && before.layout !== layout && focus === undefined;
  if (!before || isElsewhere) {
    const zoom = Math.min(readable.greatest, Math.max(readable.least, (area.width - 2 * margin) / layout.width));
    return { x: (area.width - layout.width * zoom) / 2, y: margin, zoom };
  }
  const box = focus === undefined ? undefined : layout.boxes[focus];
  if (!box) return undefined;
  const old = before.layout === layout ? undefined : before.layout.boxes[focus!];
  if (old) return { ...now, x: now.x + (middle(old) - middle(box)) * now.zoom, y: now.y + (old.y - box.y) * now.zoom };
  return isInSight(box, now, area) ? undefined : centred(box, now.zoom, area);
}

export function centred(box: Box, zoom: number, area: { width: number; height: number }): Viewport {
  const height = Math.min(box.height, area.height / zoom);
  return { x: area.width / 2 - middle(box) * zoom, y: area.height / 2 - (box.y + height / 2) * zoom, zoom };
}

export function zoomToFit(): void {
  const layout = getState().drawing?.layout;
  const area = document.querySelector(".pane")?.getBoundingClientRect();
  if (!layout || !area) return;
  const fitting = Math.min((area.width - 2 * margin) / layout.width, (area.height - 2 * margin) / layout.height);
  const whole = { x: 0, y: 0, width: layout.width, height: layout.height };
  for (const flow of flows.values()) flow.setViewport(centred(whole, Math.max(leastZoom, Math.min(readable.greatest, fitting)), area));
}

export function zoomBy(factor: number): void {
  const [flow] = flows.values();
  flow?.zoomTo(flow.getZoom() * factor);
}

function isInSight(box: Box, { x, y, zoom }: Viewport, area: { width: number; height: number }): boolean {
  const [left, top] = [box.x * zoom + x, box.y * zoom + y];
  return left >= 0 && top >= 0 && left + box.width * zoom <= area.width && top + Math.min(box.height * zoom, area.height / 2) <= area.height;
}

function middle({ x, width }: Box): number {
  return x + width / 2;
}
