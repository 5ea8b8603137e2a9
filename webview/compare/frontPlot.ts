/** @file A search's front as a picture: predicted loss over cost. */
import * as l10n from "@vscode/l10n";
import { costText, type FrontPoint } from "../../src/config/frontTable.ts";
import type { StoredFront } from "../../src/config/searchResult.ts";

const size = { width: 560, height: 260, left: 72, right: 16, top: 12, bottom: 44 };

/** @param chosen index of the point that is marked */
export function frontPlot({ search, front }: StoredFront, chosen: number, title: string, axis: string): SVGSVGElement {
  const { cost, points } = front;
  const costs = points.map((point) => point.costs[cost] ?? 0);
  const found = search.costs[cost];
  const x = scale([...costs, ...(found === undefined ? [] : [found])], size.left, size.width - size.right);
  // Losses span orders of magnitude; one of zero, or less by its pairs, has no logarithm.
  const losses = [...points.map(({ predictedLoss }) => predictedLoss), search.predictedLoss];
  const isLogarithmic = Math.min(...losses) > 0;
  const height = (loss: number) => (isLogarithmic ? Math.log10(loss) : loss);
  const y = scale(losses.map(height), size.height - size.bottom, size.top);
  const at = (point: FrontPoint) => ({ x: x(point.costs[cost] ?? 0), y: y(height(point.predictedLoss)) });
  const places = points.map(at);
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const [first, last] = [points[0], points.at(-1)];
  return svg(
    "svg",
    { viewBox: `0 0 ${size.width} ${size.height}`, class: "front", role: "img", "aria-label": title },
    svg("path", { class: "axis", d: `M${size.left},${size.top}V${size.height - size.bottom}H${size.width - size.right}` }),
    ...[least, most].map((loss) =>
      svg("text", { x: String(size.left - 8), y: String(y(height(loss)) + 4), "text-anchor": "end" }, loss.toPrecision(3)),
    ),
    ...(first && last
      ? [
          svg("text", { x: String(at(first).x), y: String(size.height - size.bottom + 18), "text-anchor": "start" }, costText(cost, first.costs)),
          svg("text", { x: String(at(last).x), y: String(size.height - size.bottom + 18), "text-anchor": "end" }, costText(cost, last.costs)),
        ]
      : []),
    svg("text", { x: String((size.left + size.width) / 2), y: String(size.height - 6), "text-anchor": "middle" }, axis),
    svg("text", { transform: `translate(14,${(size.height - size.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, l10n.t("Predicted loss")),
    svg("path", { class: "curve", d: places.map((place, index) => `${index === 0 ? "M" : "L"}${place.x},${place.y}`).join("") }),
    ...places.map((place, index) =>
      svg("circle", {
        class: index === chosen ? "point chosen" : "point",
        cx: String(place.x),
        cy: String(place.y),
        r: index === chosen ? "7" : "4",
      }),
    ),
    ...(found === undefined ? [] : [cross(x(found), y(height(search.predictedLoss)))]),
  );
}

/** What the run's own search chose. */
function cross(x: number, y: number): SVGElement {
  return svg("path", { class: "own", d: `M${x - 6},${y - 6}l12,12m0,-12l-12,12` });
}

/** Spreads values over a stretch; where all are the same, in its middle. */
function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return (value) => (most > least ? from + ((value - least) / (most - least)) * (to - from) : (from + to) / 2);
}

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
