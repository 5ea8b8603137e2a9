/** @file One graph: nodes and edges in sight, the viewport, and the keys that move through it. */

import * as l10n from "@vscode/l10n";
import { ReactFlow, type ReactFlowInstance, type Viewport } from "@xyflow/react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { ShownRun } from "../../src/protocol/graphView.ts";
import { moveFocus } from "./keyboard/moveFocus.ts";
import { Minimap } from "./Minimap.tsx";
import type { Heat } from "./metrics/heat.ts";
import { type FlowEdge, type FlowNode, flowEdges, nodeMaker } from "./nodes/flowNodes.ts";
import { FrameNode, GroupNode } from "./nodes/GroupNode.tsx";
import { contains, inSight, onlyNode, shownPart, withSurroundings } from "./nodes/inSight.ts";
import { LayerNode } from "./nodes/LayerNode.tsx";
import { elementId } from "./nodes/nodeLabel.ts";
import { PlainNode } from "./nodes/PlainNode.tsx";
import { RoutedEdge } from "./nodes/RoutedEdge.tsx";
import { TerminalNode } from "./nodes/TerminalNode.tsx";
import { Overview } from "./overview/Overview.tsx";
import { nodeAtPoint } from "./overview/paintOverview.ts";
import { focusNode, toggleGroup } from "./state/actions.ts";
import { useShallow } from "./state/useShallow.ts";
import { leastZoom, register, sync, textFrom, viewportFor } from "./viewports.ts";

const nodeTypes = { operator: LayerNode, plain: PlainNode, terminal: TerminalNode, group: GroupNode, frame: FrameNode };
const edgeTypes = { routed: RoutedEdge };

const nowhere = { x: 0, y: 0, width: 0, height: 0 };

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
  const before = useRef(drawing);
  const [region, setRegion] = useState(nowhere);
  const [isFar, setIsFar] = useState(false);
  const nodeAt = useMemo(
    () => nodeMaker({ pane, drawing, model, run, compared, heat, selected, focused, traced }),
    [pane, drawing, model, run, compared, heat, selected, focused, traced],
  );
  // From afar a canvas shows the graph; the node in focus stays an element, which screen readers need.
  const near = useMemo(() => (isFar ? onlyNode(focused) : inSight(drawing, region)), [drawing, region, isFar, focused]);
  const nodes = useMemo(() => drawing.graph.nodes.filter(({ id }) => near.nodes.has(id)).map(nodeAt), [drawing, near, nodeAt]);
  const edges = useMemo(() => flowEdges(drawing, traced, near.edges), [drawing, traced, near]);
  const look = useCallback((viewport: Viewport) => {
    setIsFar(viewport.zoom < textFrom);
    const part = shownPart(viewport, area.current!.getBoundingClientRect());
    setRegion((known) => (contains(known, part) && part.width * 6 > known.width ? known : withSurroundings(part)));
  }, []);

  useLayoutEffect(() => {
    const flow = instance.current;
    if (!flow || !area.current) return;
    const next = viewportFor(drawing, before.current, flow.getViewport(), area.current.getBoundingClientRect());
    before.current = drawing;
    if (!next) return;
    flow.setViewport(next);
    look(next);
  }, [drawing, look]);

  useEffect(() => {
    const observer = new ResizeObserver(() => instance.current && look(instance.current.getViewport()));
    observer.observe(area.current!);
    return () => observer.disconnect();
  }, [look]);

  const pointAt = (event: React.MouseEvent) => {
    const flow = instance.current;
    if (!flow || !isFar) return undefined;
    const { left, top } = area.current!.getBoundingClientRect();
    return nodeAtPoint(drawing, { x: event.clientX - left, y: event.clientY - top }, flow.getViewport());
  };
  const press = (event: React.MouseEvent) => {
    const node = pointAt(event);
    if (!node) return;
    if (event.detail === 2 && node.type === "group") toggleGroup(node.id);
    else focusNode(node.id, event.ctrlKey || event.metaKey || event.shiftKey);
  };

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
          const first = viewportFor(drawing, undefined, flow.getViewport(), area.current!.getBoundingClientRect())!;
          flow.setViewport(first);
          look(first);
        }}
        onMove={(_, moved) => {
          look(moved);
          sync(pane, moved);
        }}
        onPaneClick={press}
        onPaneMouseMove={(event) => {
          area.current!.title = pointAt(event)?.name ?? "";
        }}
        proOptions={{ hideAttribution: true }}
      >
        {isFar && <Overview drawing={drawing} nodeAt={nodeAt} traced={traced} />}
        <Minimap drawing={drawing} heat={heat} area={area} />
      </ReactFlow>
    </div>
  );
}
