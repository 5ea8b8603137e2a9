import { memo } from "react";
import { shapeText } from "../text.ts";
import { Card } from "./Card.tsx";
import type { NodeView } from "./flowNodes.ts";

/** An input or output of the network. */
export const TerminalNode = memo(function TerminalNode({ data }: { data: NodeView }) {
  const { node } = data;
  if (node.type !== "terminal") return null;
  return (
    <Card view={data} kind="terminal">
      <span className="line">
        <b className="name">{node.name}</b>
      </span>
      <span className="line small">{shapeText(node.shape)}</span>
    </Card>
  );
});
