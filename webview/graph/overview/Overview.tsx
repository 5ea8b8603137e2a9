import { useStore, useViewport, type Viewport } from "@xyflow/react";
import { useLayoutEffect, useRef } from "react";
import { useTheme } from "../colour/useTheme.ts";
import type { FlowNode } from "../nodes/flowNodes.ts";
import type { Drawing, GraphNode } from "../state/state.ts";
import { type OverviewColours, overviewColours, paintOverview } from "./paintOverview.ts";

interface OverviewProps {
  drawing: Drawing;
  nodeAt(node: GraphNode): FlowNode;
  traced: ReadonlySet<string> | undefined;
}

interface Painted extends OverviewProps {
  viewport: Viewport;
  width: number;
  height: number;
  theme: number;
  colours: OverviewColours;
}

/**
 * The graph from so far away that no text could be read. The canvas reaches half a screen beyond every side and moves with the graph: it is
 * painted again only where the graph is moved further than that, or something else changes.
 */
export function Overview({ drawing, nodeAt, traced }: OverviewProps) {
  const viewport = useViewport();
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const theme = useTheme();
  const canvas = useRef<HTMLCanvasElement>(null);
  const painted = useRef<Painted>(undefined);
  const ratio = window.devicePixelRatio;
  useLayoutEffect(() => {
    const element = canvas.current!;
    const wanted = { drawing, nodeAt, traced, viewport, width, height, theme };
    if (!painted.current || !serves(painted.current, wanted)) {
      const colours = painted.current?.theme === theme ? painted.current.colours : overviewColours(element);
      const context = element.getContext("2d")!;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const shifted = { ...viewport, x: viewport.x + width / 2, y: viewport.y + height / 2 };
      paintOverview(context, { drawing, nodeAt, traced, viewport: shifted, size: { width: 2 * width, height: 2 * height }, colours });
      painted.current = { ...wanted, colours };
    }
    const { x, y } = painted.current.viewport;
    element.style.transform = `translate(${viewport.x - x - width / 2}px, ${viewport.y - y - height / 2}px)`;
  });
  return (
    <div className="overview" aria-hidden="true">
      <canvas ref={canvas} width={2 * width * ratio} height={2 * height * ratio} style={{ width: 2 * width, height: 2 * height }} />
    </div>
  );
}

/** Whether a picture, moved, shows what is wanted. */
function serves(painted: Painted, wanted: Omit<Painted, "colours">): boolean {
  const isSame = (["drawing", "nodeAt", "traced", "width", "height", "theme"] as const).every((key) => painted[key] === wanted[key]);
  const [from, to] = [painted.viewport, wanted.viewport];
  return isSame && from.zoom === to.zoom && Math.abs(from.x - to.x) <= wanted.width / 2 && Math.abs(from.y - to.y) <= wanted.height / 2;
}
