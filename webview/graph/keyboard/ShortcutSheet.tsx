import * as l10n from "@vscode/l10n";
import { useEffect, useRef } from "react";
import { setState, useView } from "../state/store.ts";
import { bindings } from "./bindings.ts";
import { keyText } from "./shortcuts.ts";

/** All shortcuts. */
export function ShortcutSheet() {
  const isOpen = useView(({ sheet }) => sheet);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
  }, [isOpen]);
  if (!isOpen) return null;
  const moves = [
    [l10n.t("Arrows"), l10n.t("Along edges and to neighbours")],
    ["Enter", l10n.t("Open or close a group")],
  ];
  return (
    <dialog ref={dialog} className="sheet" aria-label={l10n.t("Keyboard shortcuts")} onClose={() => setState({ sheet: false })}>
      <h2>{l10n.t("Keyboard shortcuts")}</h2>
      <dl>
        {[...moves, ...bindings.map((binding) => [keyText(binding), binding.label()])].map(([keys, label]) => (
          <div key={`${keys}${label}`}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => setState({ sheet: false })}>
        {l10n.t("Close")}
      </button>
    </dialog>
  );
}
