import * as l10n from "@vscode/l10n";
import { memo } from "react";
import { toggleGroup } from "../state/actions.ts";
import type { GraphNode } from "../state/state.ts";
import { countText, shapeText } from "../text.ts";
import { Card } from "./Card.tsx";
import type { NodeView } from "./flowNodes.ts";

type Group = Extract<GraphNode, { type: "group" }>;

/** A stage or block that is closed. */
export const GroupNode = memo(function GroupNode({ data }: { data: NodeView }) {
  const { node, parameters, heat } = data;
  if (node.type !== "group") return null;
  return (
    <Card view={data} kind={`closed ${node.level}`}>
      <Header group={node} />
      <span className="line small">
        <span className="name">{shapeText(node.outputShape)}</span>
      </span>
      <span className="line">
        <span className="small name">{contents(node, parameters)}</span>
        {heat && <span className="value">{heat.text}</span>}
      </span>
    </Card>
  );
});

/** A stage or block that is open: a frame around what is in it. */
export const FrameNode = memo(function FrameNode({ data }: { data: NodeView }) {
  const { node, heat } = data;
  if (node.type !== "group") return null;
  return (
    <Card view={data} kind={`frame ${node.level}`}>
      <Header group={node}>
        {heat && (
          <span className="value" style={{ background: heat.background, color: heat.color }}>
            {heat.text}
          </span>
        )}
      </Header>
    </Card>
  );
});

function Header({ group, children }: { group: Group; children?: React.ReactNode }) {
  return (
    <span className="line head">
      <button
        type="button"
        className="toggle nodrag nopan"
        tabIndex={-1}
        aria-expanded={group.open}
        aria-label={group.open ? l10n.t("Close {0}", group.name) : l10n.t("Open {0}", group.name)}
        onClick={(event) => {
          event.stopPropagation();
          toggleGroup(group.id);
        }}
      >
        {group.open ? "−" : "+"}
      </button>
      <b className="name">{group.name}</b>
      <span className="kind">{group.level === "stage" ? l10n.t("stage") : group.kind}</span>
      {children}
    </span>
  );
}

function contents({ layers, operators }: Group, parameters: number | undefined): string {
  const count = countText(parameters ?? 0);
  if (layers.length === 0) return l10n.t("{0} operators", operators);
  return layers.length === 1 ? l10n.t("1 layer, {0} parameters", count) : l10n.t("{0} layers, {1} parameters", layers.length, count);
}
