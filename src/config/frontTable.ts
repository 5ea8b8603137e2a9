/** @file A search's front as tables: rows of the compare view and of its copies. */
import { formatByteSize } from "./byteSize.ts";
import { csvText } from "./csv.ts";
import type { Front, SearchCosts } from "./searchResult.ts";

export type FrontPoint = Front["points"][number];

const kinds = ["size", "bops", "latency"] as const;

/** The costs that the points have; that of the front comes first. */
export function frontCosts({ cost, points }: Front): Front["cost"][] {
  return [cost, ...kinds.filter((kind) => kind !== cost && points.some(({ costs }) => costs[kind] !== undefined))];
}

export function costText(kind: Front["cost"], { [kind]: value }: SearchCosts): string {
  if (value === undefined) return "–";
  if (kind === "size") return formatByteSize(value);
  return kind === "latency" ? `${value.toPrecision(4)} ms` : `${Number((value / 1e9).toPrecision(4))} G`;
}

/** How many layers have which bits: "3 × 2, 16 × 4". */
export function bitsSummary({ bits }: FrontPoint): string {
  const counts = new Map<number | string, number>();
  for (const count of Object.values(bits)) counts.set(count, (counts.get(count) ?? 0) + 1);
  const order = [...counts].sort(([a], [b]) => Number(a === "fp32" ? 32 : a) - Number(b === "fp32" ? 32 : b));
  return order.map(([count, layers]) => `${layers} × ${count === "fp32" ? "FP32" : count}`).join(", ");
}

/** Raw numbers, one row a point; bits a column a layer. */
export function frontToCsv(front: Front): string {
  const costs = frontCosts(front);
  const layers = [...new Set(front.points.flatMap(({ bits }) => Object.keys(bits)))];
  return csvText([
    [...costs, "predicted loss", ...layers],
    ...front.points.map((point) => [...costs.map((kind) => point.costs[kind]), point.predictedLoss, ...layers.map((layer) => point.bits[layer])]),
  ]);
}

export function frontToMarkdown(front: Front): string {
  const costs = frontCosts(front);
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return `${[
    line([...costs, "predicted loss", "layers × bits"]),
    line([...costs.map(() => "---:"), "---:", "---"]),
    ...front.points.map((point) =>
      line([...costs.map((kind) => costText(kind, point.costs)), point.predictedLoss.toPrecision(3), bitsSummary(point)]),
    ),
  ].join("\n")}\n`;
}
