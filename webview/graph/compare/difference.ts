/** @file Where two runs differ. */
import * as l10n from "@vscode/l10n";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import type { GraphNode } from "../state/state.ts";
import { bitsText, lossText } from "../text.ts";

/** Losses nearer than this share of the greater one count as equal. */
const tolerance = 0.01;

/** What differs in a node from the first run to the second, in words; undefined where nothing does. */
export function difference(node: GraphNode, first: ShownRun, second: ShownRun): string | undefined {
  if (node.type === "terminal") return undefined;
  if (node.type === "operator") return node.layer === undefined ? undefined : bitsDifference(node.layer, first, second);
  const changed = node.layers.filter((layer) => bitsDifference(layer, first, second) !== undefined).length;
  const parts = [
    changed > 1 ? l10n.t("bits of {0} layers differ", changed) : changed === 1 ? l10n.t("bits of 1 layer differ") : undefined,
    lossDifference(node, first, second),
  ];
  const text = parts.filter((part) => part !== undefined).join("; ");
  return text === "" ? undefined : text;
}

function bitsDifference(layer: string, first: ShownRun, second: ShownRun): string | undefined {
  const parts = (["weights", "activations"] as const).flatMap((which) => {
    const [before, after] = [first.bits[layer]?.[which] ?? "fp32", second.bits[layer]?.[which] ?? "fp32"];
    return before === after ? [] : [`${which === "weights" ? "W" : "A"} ${bitsText(before)} → ${bitsText(after)}`];
  });
  return parts.length > 0 ? parts.join(", ") : undefined;
}

function lossDifference({ name, level }: Extract<GraphNode, { type: "group" }>, first: ShownRun, second: ShownRun): string | undefined {
  if (level !== "block") return undefined;
  const [before, after] = [first, second].map(({ blocks }) => blocks.find((block) => block.name === name)?.loss.after);
  if (before === undefined || after === undefined || Math.abs(before - after) <= tolerance * Math.max(before, after)) return undefined;
  return l10n.t("loss {0} → {1}", lossText(before), lossText(after));
}
