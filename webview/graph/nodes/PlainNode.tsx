import { memo } from "react";
import { shapeText } from "../text.ts";
import { Card } from "./Card.tsx";
import type { NodeView } from "./flowNodes.ts";

/** An operator without weights. */
export const PlainNode = memo(function PlainNode({ data }: { data: NodeView }) {
  const { node, heat } = data;
  if (node.type !== "operator") return null;
  return (
    <Card view={data} kind="plain">
      <span className="line">
        <b>{node.op}</b> <span className="name small">{node.name}</span>
        {heat && <span className="value">{heat.text}</span>}
      </span>
      <span className="line small">{shapeText(node.outputShape)}</span>
    </Card>
  );
});
