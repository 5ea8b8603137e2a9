/** @file What messages of the host change. */
import * as l10n from "@vscode/l10n";
import type { ToGraphView, VisibleGraph } from "../../../src/protocol/graphView.ts";
import type { Layout, LayoutRequest } from "../layout/geometry.ts";
import { nodeSize } from "../nodes/nodeSize.ts";
import { getState, setState } from "./store.ts";

type RequestLayout = (request: LayoutRequest, answer: (layout: Layout) => void) => void;

export function receive(message: ToGraphView, requestLayout: RequestLayout): void {
  const state = getState();
  switch (message.type) {
    case "model":
      if (message.translations) l10n.config({ contents: message.translations });
      setState({ model: message, failed: undefined });
      break;
    case "graph":
      requestLayout(layoutRequest(message.graph), (layout) => {
        const open = message.graph.nodes.flatMap((node) => (node.type === "group" && node.open ? [node.id] : []));
        setState({ drawing: { graph: message.graph, layout, focus: message.focus }, open, focused: message.focus ?? getState().focused });
      });
      break;
    case "run":
      setState({ shown: message.shown, other: message.other, comparing: state.comparing || message.other !== undefined });
      break;
    case "sensitivity":
      setState({ sensitivity: message.sensitivity, measuring: message.running, progress: message.progress });
      break;
    case "node-data":
      setState({
        nodeData: [...state.nodeData.filter(({ name }) => name !== message.data.name), message.data],
        colour: `data:${message.data.name}`,
      });
      break;
    case "details":
      setState({ details: { ...state.details, [message.details.layer]: message.details } });
      break;
    case "found":
      setState({ found: message });
      break;
    case "trace":
      setState({ trace: message });
      break;
    case "select":
      setState({ selected: message.layers, focused: nodeOfLayer(message.layers[0]) ?? state.focused });
      break;
    case "failed":
      setState({ failed: message.message, measuring: false });
      break;
  }
}

/** Id of the node that shows a layer now: its operator, or the closed group around it. */
export function nodeOfLayer(layer: string | undefined): string | undefined {
  const nodes = getState().drawing?.graph.nodes ?? [];
  if (layer === undefined) return undefined;
  const own = nodes.find((node) => node.type === "operator" && node.layer === layer);
  return (own ?? nodes.find((node) => node.type === "group" && !node.open && node.layers.includes(layer)))?.id;
}

export function layoutRequest({ nodes, edges }: VisibleGraph): LayoutRequest {
  return {
    nodes: nodes.map((node) => ({
      id: node.id,
      parent: node.type === "terminal" ? undefined : node.parent,
      frame: node.type === "group" && node.open,
      ...nodeSize(node),
    })),
    edges: edges.map(({ id, from, to }) => ({ id, from, to })),
  };
}
