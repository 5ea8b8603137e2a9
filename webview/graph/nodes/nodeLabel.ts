import * as l10n from "@vscode/l10n";
import { bitsSentence, countText, shapeText } from "../text.ts";
import type { NodeView } from "./flowNodes.ts";

/** A node in one sentence, for screen readers. */
export function nodeSentence({ node, bits, parameters, heat, difference }: NodeView): string {
  if (node.type === "terminal") {
    return node.direction === "input"
      ? l10n.t("Input {0}, {1}", node.name, shapeText(node.shape))
      : l10n.t("Output {0}, {1}", node.name, shapeText(node.shape));
  }
  const parts =
    node.type === "group"
      ? [
          node.level === "stage" ? l10n.t("Stage {0}", node.name) : l10n.t("Block {0}, {1}", node.name, node.kind),
          node.open ? l10n.t("open") : l10n.t("closed"),
          l10n.t("{0} operators, {1} layers", node.operators, node.layers.length),
        ]
      : [`${node.op} ${node.name}`, shapeText(node.outputShape)];
  if (parameters) parts.push(l10n.t("{0} parameters", countText(parameters)));
  if (bits) parts.push(bitsSentence(bits.weights, bits.activations));
  if (heat) parts.push(heat.text);
  if (difference) parts.push(difference);
  return parts.filter((part) => part !== "").join(", ");
}

/** The id of a node's element; model names may hold anything. */
export function elementId(pane: number, id: string): string {
  return `node-${pane}-${encodeURIComponent(id)}`;
}
