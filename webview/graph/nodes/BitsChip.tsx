import * as l10n from "@vscode/l10n";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import { getState, setState } from "../state/store.ts";
import { bitsText } from "../text.ts";

/** The bits of a layer's weights or activations; a click opens the choice. */
export function BitsChip({ layer, which, bits }: { layer: string; which: "weights" | "activations"; bits: ShownRun["bits"][string] }) {
  const { selected } = getState();
  const text = `${which === "weights" ? "W" : "A"} ${bitsText(bits[which])}`;
  const label = which === "weights" ? l10n.t("{0}, bits of weights of {1}", text, layer) : l10n.t("{0}, bits of activations of {1}", text, layer);
  return (
    <button
      type="button"
      className="chip nodrag nopan"
      tabIndex={-1}
      aria-label={label}
      onClick={(event) => {
        event.stopPropagation();
        const { left, bottom } = event.currentTarget.getBoundingClientRect();
        setState({ bitsMenu: { layers: selected.includes(layer) ? selected : [layer], which, x: left, y: bottom } });
      }}
    >
      {text}
    </button>
  );
}
