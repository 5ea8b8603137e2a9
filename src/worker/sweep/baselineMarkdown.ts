/** @file A comparison as Markdown: accuracy by method and bits, cost, and quoted figures beside it. */
import { markdownTable } from "../../config/sweepMarkdown.ts";
import type { ComparisonCell, ComparisonTable } from "./baselineTable.ts";
import { quotedFigures, quotedSource } from "./quotedFigures.ts";

export function baselineMarkdown(table: ComparisonTable): string {
  const { model, metric, unit, fp32, images, columns, rows } = table;
  const title = `${model}: ${metric} (${unit}) on ${images} images; mean ± standard deviation over seeds`;
  const accuracy = markdownTable(
    ["Method", ...columns],
    [
      ["FP32", ...columns.map(() => (fp32 === undefined ? "–" : fp32.toFixed(2)))],
      ...rows.map(({ label, cells }) => [label, ...cells.map(cellText)]),
    ],
  );
  const cost = markdownTable(
    ["Method", "Calibration images", "Steps", "Seconds"],
    rows.map(({ label, cells }) => [label, span(cells, "images"), span(cells, "steps"), span(cells, "seconds")]),
  );
  const quoted = markdownTable(
    ["Network", "Method", "Bits", "Top-1 (%)", "Training images", "GPU hours"],
    quotedFigures.map(({ network, method, kind, bits, top1, images: count, gpuHours }) => [
      network,
      `${method} (${kind})`,
      bits,
      top1.toFixed(2),
      count === undefined ? "–" : grouped(count),
      String(gpuHours),
    ]),
  );
  const failures = rows.flatMap(({ label, cells }) => cells.flatMap((cell, i) => (cell?.error ? [`- ${label}, ${columns[i]}: ${cell.error}`] : [])));
  return [
    `${title}\n`,
    accuracy,
    "\nCost of a run, on this machine (from the least to the most over the columns)\n",
    cost,
    `\nFor comparison, **quoted, not measured here**: ${quotedSource}\n`,
    quoted,
    ...(failures.length > 0 ? ["\nNot done\n", ...failures] : []),
  ].join("\n");
}

function cellText(cell: ComparisonCell | undefined): string {
  if (cell?.mean === undefined) return cell?.error ? "failed" : "–";
  return cell.deviation === undefined ? cell.mean.toFixed(2) : `${cell.mean.toFixed(2)} ± ${cell.deviation.toFixed(2)}`;
}

/** The least and the most of a row's costs. */
function span(cells: readonly (ComparisonCell | undefined)[], key: "images" | "steps" | "seconds"): string {
  const values = cells.flatMap((cell) => (cell?.mean === undefined ? [] : (cell[key] ?? [])));
  if (values.length === 0) return "–";
  const [least, most] = [grouped(Math.min(...values)), grouped(Math.max(...values))];
  return least === most ? least : `${least} – ${most}`;
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
