/** @file One graph: nodes and edges in sight, the viewport, and the keys that move through it. */

import * as l10n from "@vscode/l10n";
import { ReactFlow, type ReactFlowInstance } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";
import type { ShownRun } from "../../src/protocol/graphView.ts";
import { moveFocus } from "./keyboard/moveFocus.ts";
import { Minimap } from "./Minimap.tsx";
import type { Heat } from "./metrics/heat.ts";
import { type FlowEdge, type FlowNode, flowEdges, flowNodes } from "./nodes/flowNodes.ts";
import { FrameNode, GroupNode } from "./nodes/GroupNode.tsx";
import { LayerNode } from "./nodes/LayerNode.tsx";
import { elementId } from "./nodes/nodeLabel.ts";
import { PlainNode } from "./nodes/PlainNode.tsx";
import { RoutedEdge } from "./nodes/RoutedEdge.tsx";
import { TerminalNode } from "./nodes/TerminalNode.tsx";
import { useShallow } from "./state/useShallow.ts";
import { leastZoom, register, sync, viewportFor } from "./viewports.ts";

const nodeTypes = { operator: LayerNode, plain: PlainNode, terminal: TerminalNode, group: GroupNode, frame: FrameNode };
const edgeTypes = { routed: RoutedEdge };

export interface GraphPaneProps {
  pane: number;
  run: ShownRun;
  compared: readonly [ShownRun, ShownRun] | undefined;
  heat: ReadonlyMap<string, Heat>;
}

export function GraphPane({ pane, run, compared, heat }: GraphPaneProps) {
  const { model, drawing, selected, focused, trace } = useShallow(({ model, drawing, selected, focused, trace }) => {
    return { model: model!, drawing: drawing!, selected, focused, trace };
  });
  const instance = useRef<ReactFlowInstance<FlowNode, FlowEdge>>(undefined);
  const area = useRef<HTMLDivElement>(null);
  const traced = useMemo(() => trace && new Set(trace.ids), [trace]);
  const nodes = useMemo(
    () => flowNodes({ pane, drawing, model, run, compared, heat, selected, focused, traced }),
    [pane, drawing, model, run, compared, heat, selected, focused, traced],
  );
  const edges = useMemo(() => flowEdges(drawing, traced), [drawing, traced]);
  const before = useRef(drawing);

  useEffect(() => {
    const flow = instance.current;
    if (!flow || !area.current) return;
    const next = viewportFor(drawing, before.current, flow.getViewport(), area.current.getBoundingClientRect());
    before.current = drawing;
    if (next) flow.setViewport(next);
  }, [drawing]);

  const name = run.run === undefined ? l10n.t("Network of {0}", model.name) : l10n.t("Network of {0} with the run {1}", model.name, run.run);
  return (
    <div
      ref={area}
      className="pane"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move through the graph
      tabIndex={0}
      aria-label={name}
      aria-roledescription={l10n.t("graph")}
      aria-activedescendant={focused !== undefined && drawing.layout.boxes[focused] ? elementId(pane, focused) : undefined}
      onKeyDown={(event) => {
        if (event.target === event.currentTarget && moveFocus(event.key)) event.preventDefault();
      }}
    >
      {compared && <h2 className="paneTitle">{run.run ?? "FP32"}</h2>}
      <ReactFlow<FlowNode, FlowEdge>
        id={`pane${pane}`}
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onlyRenderVisibleElements
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        elevateNodesOnSelect={false}
        disableKeyboardA11y
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        panActivationKeyCode={null}
        minZoom={leastZoom}
        maxZoom={2}
        onInit={(flow) => {
          instance.current = flow;
          register(pane, flow);
          flow.setViewport(viewportFor(drawing, undefined, flow.getViewport(), area.current!.getBoundingClientRect())!);
        }}
        onMove={(_, moved) => sync(pane, moved)}
        proOptions={{ hideAttribution: true }}
      >
        <Minimap layout={drawing.layout} heat={heat} area={area} />
      </ReactFlow>
    </div>
  );
}
