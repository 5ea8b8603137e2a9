import * as l10n from "@vscode/l10n";
import { useEffect, useRef, useState } from "react";
import { type EditedBits, type Extent, editBits, widen } from "../state/actions.ts";
import { setState, useView } from "../state/store.ts";
import { bitsText } from "../text.ts";

const choices: EditedBits[] = [2, 3, 4, 5, 6, 7, 8, "fp32"];

/** Bits to choose from, and what the choice applies to. */
export function BitsMenu() {
  const request = useView(({ bitsMenu }) => bitsMenu);
  const [extent, setExtent] = useState<Extent | "selection">("selection");
  const dialog = useRef<HTMLDivElement>(null);
  useEffect(() => {
    setExtent("selection");
    if (request) dialog.current?.querySelector("button")?.focus();
  }, [request]);
  if (!request) return null;
  const layers = extent === "selection" ? request.layers : widen(request.layers, extent);
  const extents: [Extent | "selection", string][] = [
    ["selection", request.layers.length === 1 ? request.layers[0]! : l10n.t("{0} layers", request.layers.length)],
    ["block", l10n.t("Its block")],
    ["stage", l10n.t("Its stage")],
    ["operator type", l10n.t("All of its operator type")],
  ];
  return (
    <div
      ref={dialog}
      className="popup bitsMenu"
      role="dialog"
      aria-label={request.which === "weights" ? l10n.t("Bits of weights") : l10n.t("Bits of activations")}
      style={{ left: Math.min(request.x, window.innerWidth - 330), top: Math.min(request.y, window.innerHeight - 190) }}
      onKeyDown={(event) => event.key === "Escape" && setState({ bitsMenu: undefined })}
    >
      <strong>{request.which === "weights" ? l10n.t("Bits of weights") : l10n.t("Bits of activations")}</strong>
      <div className="choices">
        {choices.map((bits) => (
          <button type="button" key={bits} onClick={() => editBits(request.which, bits, layers)}>
            {bitsText(bits)}
          </button>
        ))}
      </div>
      <label>
        {l10n.t("Apply to")}{" "}
        <select value={extent} onChange={({ target }) => setExtent(target.value as Extent | "selection")}>
          {extents.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <span role="status">{l10n.t("{0} layers will change", layers.length)}</span>
    </div>
  );
}
