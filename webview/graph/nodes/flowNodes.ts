/** @file The drawing as React Flow's nodes and edges. Sizes and handles are given, so nothing is measured. */
import { type Edge, type Node, Position } from "@xyflow/react";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import { difference } from "../compare/difference.ts";
import { edgePath } from "../layout/edgePath.ts";
import type { Heat } from "../metrics/heat.ts";
import type { Drawing, GraphModel, GraphNode } from "../state/state.ts";

export interface NodeView extends Record<string, unknown> {
  node: GraphNode;
  pane: number;
  bits: ShownRun["bits"][string] | undefined;
  parameters: number | undefined;
  shape: readonly number[] | undefined;
  heat: Heat | undefined;
  selected: boolean;
  focused: boolean;
  /** Outside of what is traced. */
  faint: boolean;
  difference: string | undefined;
}

export interface PaneView {
  pane: number;
  drawing: Drawing;
  model: GraphModel;
  run: ShownRun;
  /** The two runs, while they are compared. */
  compared: readonly [ShownRun, ShownRun] | undefined;
  heat: ReadonlyMap<string, Heat>;
  selected: readonly string[];
  focused: string | undefined;
  traced: ReadonlySet<string> | undefined;
}

export type FlowNode = Node<NodeView>;
export type FlowEdge = Edge<{ path: string; faint: boolean }>;

/** Makes the node of a pane, once each: while only the part in sight changes, the nodes stay the same objects and are not drawn again. */
export function nodeMaker(view: PaneView): (node: GraphNode) => FlowNode {
  const facts = new Map(view.model.layers.map((layer) => [layer.name, layer]));
  const selected = new Set(view.selected);
  const made = new Map<string, FlowNode>();
  return (node) => {
    const flow = made.get(node.id) ?? flowNode(node);
    made.set(node.id, flow);
    return flow;
  };

  function flowNode(node: GraphNode): FlowNode {
    const { x, y, width, height } = view.drawing.layout.boxes[node.id]!;
    const layer = node.type === "operator" && node.layer !== undefined ? facts.get(node.layer) : undefined;
    const layers = node.type === "group" ? node.layers : layer ? [layer.name] : [];
    const isFrame = node.type === "group" && node.open;
    const data: NodeView = {
      node,
      pane: view.pane,
      bits: layer && (view.run.bits[layer.name] ?? { weights: "fp32", activations: "fp32" }),
      parameters:
        layer?.parameters ?? (node.type === "group" ? layers.reduce((sum, name) => sum + (facts.get(name)?.parameters ?? 0), 0) : undefined),
      shape: layer?.shape,
      heat: view.heat.get(node.id),
      selected: layers.length > 0 && layers.every((name) => selected.has(name)),
      focused: node.id === view.focused,
      faint: view.traced !== undefined && !isFrame && !view.traced.has(node.id),
      difference: view.compared && difference(node, ...view.compared),
    };
    return {
      id: node.id,
      type: isFrame ? "frame" : node.type === "operator" && !layer ? "plain" : node.type,
      position: { x, y },
      width,
      height,
      zIndex: isFrame ? -1 : 1,
      data,
      handles: [
        { type: "target", position: Position.Top, x: width / 2, y: 0, width: 1, height: 1 },
        { type: "source", position: Position.Bottom, x: width / 2, y: height, width: 1, height: 1 },
      ],
    };
  }
}

export function flowEdges({ graph, layout }: Drawing, traced: ReadonlySet<string> | undefined, wanted: ReadonlySet<string>): FlowEdge[] {
  return graph.edges.flatMap(({ id, from, to }) => {
    const points = layout.routes[id];
    if (!points || !wanted.has(id)) return [];
    const faint = traced !== undefined && !(traced.has(from) && traced.has(to));
    return [{ id, source: from, target: to, type: "routed", zIndex: 0, data: { path: edgePath(points), faint } }];
  });
}
