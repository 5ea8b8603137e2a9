import * as l10n from "@vscode/l10n";
import type { CopyFormat } from "../../src/protocol/compareView.ts";
import { element } from "./dom.ts";

/** A button a format. @param id what their ids begin with, where the page has but one such group */
export function copyButtons(copy: (format: CopyFormat) => void, id?: string): HTMLElement[] {
  const labels: [CopyFormat, string][] = [
    ["markdown", l10n.t("Copy as Markdown")],
    ["csv", l10n.t("Copy as CSV")],
    ["json", l10n.t("Copy as JSON")],
  ];
  return labels.map(([format, label]) => {
    const button = element("vscode-button", { ...(id !== undefined && { id: `${id}-${format}` }), secondary: "" }, label);
    button.addEventListener("click", () => copy(format));
    return button;
  });
}
