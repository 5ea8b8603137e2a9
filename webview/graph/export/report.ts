import * as l10n from "@vscode/l10n";
import { formatByteSize } from "../../../src/config/byteSize.ts";
import { escapeMarkup } from "../../../src/config/escapeMarkup.ts";
import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { BlockResult } from "../../../src/config/result.ts";
import type { Estimate } from "../bits/estimate.ts";
import type { Column } from "../table/columns.ts";
import { countText, lossText } from "../text.ts";

export interface Report {
  /** Of the texts, e.g. "en". */
  language: string;
  title: string;
  svg: string;
  /** What the colours of the drawing mean. */
  legend: string;
  totals: Estimate;
  layers: readonly LayerFacts[];
  columns: readonly Column[];
  blocks: readonly BlockResult[];
}

const style = `body{font:14px sans-serif;margin:2em;color:#1f1f1f;background:#fff}table{border-collapse:collapse;margin:1em 0}
th,td{padding:3px 10px;border-bottom:1px solid #ccc;text-align:left}.number{text-align:right}.drawing{overflow:auto;max-height:80vh;border:1px solid #ccc}`;

/** Everything in one HTML file: no scripts, nothing that is loaded, names from the model as text. */
export function reportHtml({ language, title, svg, legend, totals, layers, columns, blocks }: Report): string {
  const row = (cells: string[], tag: "td" | "th", numeric: readonly boolean[]) =>
    `<tr>${cells.map((text, index) => `<${tag}${numeric[index] ? ' class="number"' : ""}>${escapeMarkup(text)}</${tag}>`).join("")}</tr>`;
  const table = (caption: string, head: string[], rows: string[][], numeric: readonly boolean[]) =>
    `<h2>${escapeMarkup(caption)}</h2><table><thead>${row(head, "th", numeric)}</thead><tbody>${rows.map((cells) => row(cells, "td", numeric)).join("\n")}</tbody></table>`;
  const figures = [
    [l10n.t("Weights, native format"), formatByteSize(totals.native)],
    [l10n.t("Weights, portable format"), formatByteSize(totals.portable)],
    [l10n.t("Weights, FP32"), formatByteSize(totals.fp32)],
    [l10n.t("Average bits a weight"), totals.averageBits.toFixed(2)],
    [l10n.t("Bit-operations"), countText(totals.bitOperations)],
    ...(totals.loss === undefined ? [] : [[l10n.t("Predicted loss"), lossText(totals.loss)]]),
  ];
  const losses = blocks.map(({ name, kind, loss }) => [name, kind, lossText(loss.before), lossText(loss.after)]);
  return `<!DOCTYPE html>
<html lang="${escapeMarkup(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeMarkup(title)}</h1>
${table(l10n.t("Totals"), [l10n.t("Figure"), l10n.t("Value")], figures, [false, true])}
<h2>${escapeMarkup(l10n.t("Network"))}</h2>
<p>${escapeMarkup(legend)}</p>
<div class="drawing">${svg}</div>
${losses.length > 0 ? table(l10n.t("Blocks"), [l10n.t("Block"), l10n.t("Kind"), l10n.t("Loss, nearest rounding"), l10n.t("Loss, reconstructed")], losses, [false, false, true, true]) : ""}
${table(
  l10n.t("Layers"),
  columns.map(({ label }) => label),
  layers.map((layer) => columns.map((column) => column.text(layer))),
  columns.map(({ numeric }) => numeric),
)}
</body>
</html>
`;
}
