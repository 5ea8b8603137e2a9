import * as l10n from "@vscode/l10n";
import { csvFile, htmlFile, pngFile, svgFile } from "./exports.ts";

/** Saves what is shown. */
export function ExportMenu() {
  const choices: [string, string, () => void][] = [
    ["svg", l10n.t("View as SVG"), svgFile],
    ["png", l10n.t("View as PNG"), pngFile],
    ["csv", l10n.t("Table as CSV"), csvFile],
    ["html", l10n.t("Report as HTML"), htmlFile],
  ];
  return (
    <label>
      {l10n.t("Save")}{" "}
      <select id="save" value="" onChange={({ target }) => choices.find(([format]) => format === target.value)?.[2]()}>
        <option value="">…</option>
        {choices.map(([format, label]) => (
          <option key={format} value={format}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
