import { memo } from "react";
import { countText, shapeText } from "../text.ts";
import { BitsChip } from "./BitsChip.tsx";
import { Card } from "./Card.tsx";
import type { NodeView } from "./flowNodes.ts";

/** A layer: operator, shape of the weights, parameters, bits. */
export const LayerNode = memo(function LayerNode({ data }: { data: NodeView }) {
  const { node, bits, shape, parameters, heat } = data;
  if (node.type !== "operator") return null;
  return (
    <Card view={data} kind="layer">
      <span className="line">
        <b>{node.op}</b> <span className="name">{node.layer}</span>
      </span>
      <span className="line small">
        {shapeText(shape)} · {countText(parameters ?? 0)}
      </span>
      <span className="line">
        {bits && <BitsChip layer={node.layer!} which="weights" bits={bits} />}
        {bits && <BitsChip layer={node.layer!} which="activations" bits={bits} />}
        {heat && <span className="value">{heat.text}</span>}
      </span>
    </Card>
  );
});
