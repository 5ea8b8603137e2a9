import * as l10n from "@vscode/l10n";
import { useEffect } from "react";
import { activationRanges } from "../metrics/activationRange.ts";
import { node, wantDetails } from "../state/actions.ts";
import { useShallow } from "../state/useShallow.ts";
import { bitsSentence, countText, lossText, shapeText } from "../text.ts";
import { Histogram } from "./Histogram.tsx";
import { LossCurve } from "./LossCurve.tsx";
import { PairMatrix } from "./PairMatrix.tsx";

/** What is known of the selected layer, of its block, or of the operator in focus. */
export function DetailsPanel() {
  const view = useShallow(({ model, shown, sensitivity, selected, focused, details, drawing }) => {
    return { model: model!, shown, sensitivity, selected, focused, details, drawing };
  });
  const shownNode = node(view.focused);
  const layer = view.model.layers.find(({ name }) => name === view.selected[0]);
  const name = layer?.name;
  useEffect(() => {
    if (name !== undefined) wantDetails(name);
  }, [name]);
  const blockName = shownNode?.type === "group" && shownNode.level === "block" ? shownNode.name : layer?.block;
  const block = view.shown.blocks.find((candidate) => candidate.name === blockName);
  const group = view.model.groups.find((candidate) => candidate.level === "block" && candidate.name === blockName);
  const details = name === undefined ? undefined : view.details[name];
  const result = view.shown.layers.find((candidate) => candidate.name === name);
  const range = layer && activationRanges(view.shown, view.details)(layer);
  const bits = name === undefined ? undefined : view.shown.bits[name];
  const flipped = result?.flipped ?? details?.flipped;
  const facts: [string, string][] = layer
    ? [
        [l10n.t("Operator"), layer.op],
        [l10n.t("Block"), layer.block],
        [l10n.t("Stage"), layer.stage],
        [l10n.t("Shape"), shapeText(layer.shape)],
        [l10n.t("Parameters"), countText(layer.parameters)],
        [l10n.t("Multiply-accumulates"), countText(layer.macs)],
        [l10n.t("Bits"), bitsSentence(bits?.weights ?? "fp32", bits?.activations ?? "fp32")],
        [l10n.t("Range of weights"), rangeText(layer.weightRange[0], layer.weightRange[1])],
        ...(range ? [[l10n.t("Range of activations"), rangeText(range.from, range.to)] as [string, string]] : []),
        ...(flipped === undefined ? [] : [[l10n.t("Rounded away from nearest"), `${(100 * flipped).toFixed(1)} %`] as [string, string]]),
      ]
    : shownNode?.type === "operator"
      ? [[l10n.t("Operator"), shownNode.op], [l10n.t("Shape"), shapeText(shownNode.outputShape)], ...Object.entries(shownNode.attributes)]
      : [];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too
    <section className="side details" aria-label={l10n.t("Details")} tabIndex={0}>
      <h2>{name ?? shownNode?.name ?? l10n.t("Nothing is selected")}</h2>
      <dl className="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {details && <Histogram details={details} />}
      {block && (
        <>
          <h3>{l10n.t("Loss of the block {0}", block.name)}</h3>
          <p className="small">
            {l10n.t("{0} with nearest rounding, {1} after reconstruction", lossText(block.loss.before), lossText(block.loss.after))}
          </p>
          <LossCurve block={block} />
        </>
      )}
      {group && view.sensitivity && <PairMatrix block={group.name} layers={group.layers} sensitivity={view.sensitivity} bits={view.shown.bits} />}
    </section>
  );
}

function rangeText(from: number, to: number): string {
  return l10n.t("{0} to {1}", lossText(from), lossText(to));
}
