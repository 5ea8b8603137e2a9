import type { MouseEvent, ReactNode } from "react";
import { focusNode, toggleGroup } from "../state/actions.ts";
import type { NodeView } from "./flowNodes.ts";
import { elementId, nodeSentence } from "./nodeLabel.ts";

/** The box of any node: its colour, its selection, its name for screen readers. */
export function Card({ view, kind, children }: { view: NodeView; kind: string; children: ReactNode }) {
  const { node, heat, selected, focused, faint, difference, pane } = view;
  const marks = [selected && "selected", focused && "focused", faint && "faint", difference && "different", heat && "coloured"];
  const press = (event: MouseEvent) => {
    event.stopPropagation();
    focusNode(node.id, event.ctrlKey || event.metaKey || event.shiftKey);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the pane handles the keys for the node that it is on
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <div
      id={elementId(pane, node.id)}
      className={["card", kind, ...marks].filter(Boolean).join(" ")}
      style={heat && !kind.startsWith("frame") ? { background: heat.background, color: heat.color } : undefined}
      role="group"
      aria-label={nodeSentence(view)}
      title={node.name}
      onClick={press}
      onDoubleClick={() => node.type === "group" && toggleGroup(node.id)}
    >
      {children}
      {difference && (
        <span className="difference" title={difference}>
          {difference}
        </span>
      )}
    </div>
  );
}
