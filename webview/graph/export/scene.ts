/** @file The drawing as shapes, independent of what is in sight: from it come the SVG and the PNG. */
import { edgePath } from "../layout/edgePath.ts";
import type { Heat } from "../metrics/heat.ts";
import type { Drawing, GraphNode } from "../state/state.ts";
import { shapeText } from "../text.ts";

export interface SceneColours {
  background: string;
  foreground: string;
  node: string;
  border: string;
  edge: string;
}

export interface Scene {
  width: number;
  height: number;
  background: string;
  shapes: (
    | { type: "path"; path: string; stroke: string }
    | { type: "box"; x: number; y: number; width: number; height: number; fill: string | undefined; stroke: string }
    | { type: "text"; x: number; y: number; text: string; fill: string; bold: boolean }
  )[];
}

const margin = 20;
const characterWidth = 6.6;

/** @param bits what is written beside a layer's name, e.g. "W4 A8" */
export function sceneOf({ graph, layout }: Drawing, heat: ReadonlyMap<string, Heat>, colours: SceneColours, bits: (layer: string) => string): Scene {
  const shapes: Scene["shapes"] = [];
  const addBox = (node: GraphNode) => {
    const { x, y, width, height } = layout.boxes[node.id]!;
    const isFrame = node.type === "group" && node.open;
    const painted = isFrame ? undefined : heat.get(node.id);
    shapes.push({
      type: "box",
      x: x + margin,
      y: y + margin,
      width,
      height,
      fill: isFrame ? undefined : (painted?.background ?? colours.node),
      stroke: colours.border,
    });
    lines(node, bits, heat.get(node.id)?.text).forEach((text, index) => {
      const fill = painted?.color ?? colours.foreground;
      const most = Math.floor((width - 20) / characterWidth);
      const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
      shapes.push({ type: "text", x: x + margin + 10, y: y + margin + 19 + 20 * index, text: cut, fill, bold: index === 0 });
    });
  };
  const isOpen = (node: GraphNode) => node.type === "group" && node.open;
  for (const node of graph.nodes) if (isOpen(node)) addBox(node);
  for (const { id } of graph.edges) {
    const points = layout.routes[id]?.map(({ x, y }) => ({ x: x + margin, y: y + margin }));
    if (points) shapes.push({ type: "path", path: edgePath(points), stroke: colours.edge });
  }
  for (const node of graph.nodes) if (!isOpen(node)) addBox(node);
  return { width: layout.width + 2 * margin, height: layout.height + 2 * margin, background: colours.background, shapes };
}

function lines(node: GraphNode, bits: (layer: string) => string, value: string | undefined): string[] {
  const withValue = (text: string) => (value === undefined ? text : `${text}  ${value}`);
  if (node.type === "terminal") return [node.name, shapeText(node.shape)];
  if (node.type === "group")
    return node.open ? [withValue(`${node.name} (${node.kind})`)] : [node.name, `${node.kind} · ${shapeText(node.outputShape)}`, value ?? ""];
  if (node.layer === undefined) return [withValue(node.op), shapeText(node.outputShape)];
  return [`${node.op} ${node.layer}`, shapeText(node.outputShape), withValue(bits(node.layer))];
}
