import { useReactFlow, useViewport } from "@xyflow/react";
import { type RefObject, useEffect, useRef } from "react";
import { useTheme } from "./colour/useTheme.ts";
import type { Heat } from "./metrics/heat.ts";
import type { Drawing } from "./state/state.ts";

const most = { width: 150, height: 190 };
const margin = 6;

interface MinimapProps {
  drawing: Drawing;
  heat: ReadonlyMap<string, Heat>;
  area: RefObject<HTMLDivElement | null>;
}

/** The whole graph in small, on a canvas: ten thousand nodes are one picture, redrawn only when the layout or the colours change. */
export function Minimap({ drawing, heat, area }: MinimapProps) {
  const { graph, layout } = drawing;
  const viewport = useViewport();
  const flow = useReactFlow();
  const theme = useTheme();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(most.width / layout.width, most.height / layout.height);
  // A deep network is a narrow strip: the rest would only cover the graph.
  const width = Math.max(30, Math.ceil(layout.width * scale)) + 2 * margin;
  const height = Math.max(30, Math.ceil(layout.height * scale)) + 2 * margin;
  const left = (width - layout.width * scale) / 2;
  const top = (height - layout.height * scale) / 2;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const plain = getComputedStyle(canvas.current!).color;
    context.clearRect(0, 0, width, height);
    // Open groups are frames in the graph: filled, they would hide what is in them.
    for (const node of graph.nodes.filter((each) => each.type !== "group" || !each.open)) {
      const box = layout.boxes[node.id]!;
      const colour = heat.get(node.id)?.background;
      context.globalAlpha = colour ? 1 : 0.35;
      context.fillStyle = colour ?? plain;
      context.fillRect(left + box.x * scale, top + box.y * scale, Math.max(1, box.width * scale), Math.max(1, box.height * scale));
    }
  }, [graph, layout, heat, theme, scale, width, height, left, top]);

  const shown = area.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
  const window = {
    left: left + (-viewport.x / viewport.zoom) * scale,
    top: top + (-viewport.y / viewport.zoom) * scale,
    width: (shown.width / viewport.zoom) * scale,
    height: (shown.height / viewport.zoom) * scale,
  };
  const goTo = (event: React.PointerEvent) => {
    if (event.buttons !== 1) return;
    const bounds = event.currentTarget.getBoundingClientRect();
    const x = (event.clientX - bounds.left - left) / scale;
    const y = (event.clientY - bounds.top - top) / scale;
    flow.setViewport({ zoom: viewport.zoom, x: shown.width / 2 - x * viewport.zoom, y: shown.height / 2 - y * viewport.zoom });
  };
  return (
    <div className="minimap nopan nowheel" aria-hidden="true" style={{ width, height }} onPointerDown={goTo} onPointerMove={goTo}>
      <canvas ref={canvas} width={width} height={height} />
      <div className="window" style={window} />
    </div>
  );
}
