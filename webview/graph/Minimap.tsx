import { useReactFlow, useViewport } from "@xyflow/react";
import { type RefObject, useEffect, useRef } from "react";
import type { Layout } from "./layout/geometry.ts";
import type { Heat } from "./metrics/heat.ts";

const size = { width: 150, height: 190 };

interface MinimapProps {
  layout: Layout;
  heat: ReadonlyMap<string, Heat>;
  area: RefObject<HTMLDivElement | null>;
}

/** The whole graph in small, on a canvas: ten thousand nodes are one picture, redrawn only when the layout or the colours change. */
export function Minimap({ layout, heat, area }: MinimapProps) {
  const viewport = useViewport();
  const flow = useReactFlow();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(size.width / layout.width, size.height / layout.height);
  const origin = { x: (size.width - layout.width * scale) / 2, y: (size.height - layout.height * scale) / 2 };
  const left = origin.x;
  const top = origin.y;

  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const plain = getComputedStyle(canvas.current!).color;
    context.clearRect(0, 0, size.width, size.height);
    const boxes = Object.entries(layout.boxes).sort(([, a], [, b]) => b.width * b.height - a.width * a.height);
    for (const [id, box] of boxes) {
      const colour = heat.get(id)?.background;
      context.globalAlpha = colour ? 1 : 0.35;
      context.fillStyle = colour ?? plain;
      context.fillRect(left + box.x * scale, top + box.y * scale, Math.max(1, box.width * scale), Math.max(1, box.height * scale));
    }
  }, [layout, heat, scale, left, top]);

  const shown = area.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
  const window = {
    left: origin.x + (-viewport.x / viewport.zoom) * scale,
    top: origin.y + (-viewport.y / viewport.zoom) * scale,
    width: (shown.width / viewport.zoom) * scale,
    height: (shown.height / viewport.zoom) * scale,
  };
  const goTo = (event: React.PointerEvent) => {
    if (event.buttons !== 1) return;
    const bounds = event.currentTarget.getBoundingClientRect();
    const x = (event.clientX - bounds.left - origin.x) / scale;
    const y = (event.clientY - bounds.top - origin.y) / scale;
    flow.setViewport({ zoom: viewport.zoom, x: shown.width / 2 - x * viewport.zoom, y: shown.height / 2 - y * viewport.zoom });
  };
  return (
    <div className="minimap" aria-hidden="true" onPointerDown={goTo} onPointerMove={goTo}>
      <canvas ref={canvas} width={size.width} height={size.height} />
      <div className="window" style={window} />
    </div>
  );
}
