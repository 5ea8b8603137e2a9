/** @file A comparison as a picture: accuracy over bits, a line a method, bars of one standard deviation. */
import { escapeMarkup } from "../../config/escapeMarkup.ts";
import { svgLine, svgText, tenths } from "../../config/svg.ts";
import type { ComparisonTable } from "./baselineTable.ts";

/** Colours that remain apart for the colour-blind (Okabe & Ito 2008). */
const colours = ["#999999", "#e69f00", "#56b4e9", "#0072b2", "#009e73", "#cc79a7", "#d55e00"];
const size = { width: 760, height: 420, left: 64, right: 210, top: 40, bottom: 48 };

export function baselineSvg({ model, metric, unit, fp32, columns, rows }: ComparisonTable): string {
  const means = rows.flatMap(({ cells }) => cells.flatMap((cell) => cell?.mean ?? []));
  const [low, high] = bounds([...means, ...(fp32 === undefined ? [] : [fp32])]);
  const plotWidth = size.width - size.left - size.right;
  const plotHeight = size.height - size.top - size.bottom;
  const x = (column: number) => size.left + (plotWidth * (column + 0.5)) / columns.length;
  const y = (value: number) => size.top + plotHeight * (1 - (value - low) / (high - low));
  const grid = ticks(low, high).flatMap((value) => [
    svgLine(size.left, y(value), size.left + plotWidth, y(value), 'stroke="#dddddd"'),
    svgText(String(value), size.left - 8, y(value) + 4, 'text-anchor="end"'),
  ]);
  const names = columns.map((name, column) => svgText(name, x(column), size.height - size.bottom + 20, 'text-anchor="middle"'));
  const reference =
    fp32 === undefined
      ? []
      : [
          svgLine(size.left, y(fp32), size.left + plotWidth, y(fp32), 'stroke="#000000" stroke-dasharray="6 4"'),
          svgLine(size.left + plotWidth + 10, size.top + 20, size.left + plotWidth + 26, size.top + 20, 'stroke="#000000" stroke-dasharray="6 4"'),
          svgText(`FP32 ${fp32.toFixed(2)}`, size.left + plotWidth + 30, size.top + 24),
        ];
  const curves = rows.flatMap(({ label, cells }, row) => {
    const colour = colours[row % colours.length]!;
    // Methods stand side by side, so that their bars don't hide each other.
    const shift = (row - (rows.length - 1) / 2) * 4;
    const points = cells.flatMap((cell, column) =>
      cell?.mean === undefined ? [] : [{ x: x(column) + shift, y: cell.mean, deviation: cell.deviation }],
    );
    const path = points.map((point) => `${tenths(point.x)},${tenths(y(point.y))}`).join(" ");
    const legendY = size.top + 40 + row * 20;
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-opacity="0.5"/>`,
      ...points.flatMap((point) => [
        `<circle cx="${tenths(point.x)}" cy="${tenths(y(point.y))}" r="4" fill="${colour}"/>`,
        ...(point.deviation
          ? [svgLine(point.x, y(point.y - point.deviation), point.x, y(point.y + point.deviation), `stroke="${colour}" stroke-width="2"`)]
          : []),
      ]),
      `<circle cx="${size.left + plotWidth + 18}" cy="${legendY}" r="4" fill="${colour}"/>`,
      svgText(label, size.left + plotWidth + 30, legendY + 4),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeMarkup(`${model}: ${metric}`)}</title>`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    svgText(`${model}: ${metric} (${unit})`, size.left, 22, 'font-size="14"'),
    ...grid,
    ...names,
    ...reference,
    ...curves,
    "</svg>\n",
  ].join("\n");
}

/** Whole tens around the values. */
function bounds(values: readonly number[]): [low: number, high: number] {
  if (values.length === 0) return [0, 100];
  const low = Math.floor(Math.min(...values) / 10) * 10;
  const high = Math.ceil(Math.max(...values) / 10) * 10;
  return low === high ? [low - 10, high + 10] : [low, high];
}

function ticks(low: number, high: number): number[] {
  const step = high - low > 60 ? 20 : 10;
  return Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
}
