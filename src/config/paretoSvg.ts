/** @file A sweep as a picture: accuracy over size, a panel a model, its Pareto front as a line. */
import { formatByteSize } from "./byteSize.ts";
import { escapeMarkup } from "./escapeMarkup.ts";
import { svgLine, svgText, tenths } from "./svg.ts";
import type { SweepModel, SweepRow, SweepTable } from "./sweepResult.ts";

/** Colours that remain apart for the colour-blind (Okabe & Ito 2008). */
const colours: Readonly<Record<string, string>> = { nearest: "#999999", dfq: "#e69f00", adaround: "#56b4e9", brecq: "#0072b2", qdrop: "#cc79a7" };
const size = { width: 760, panel: 300, left: 64, right: 130, top: 36, bottom: 46 };

export interface ParetoStyle {
  /** Of texts and axes: a colour, or `currentColor` inside a page. */
  readonly ink: string;
  readonly background: string | undefined;
}

/** Panels one below the other. Sizes are on a logarithmic scale. */
export function paretoSvg(table: SweepTable, { ink, background }: ParetoStyle = { ink: "#000000", background: "#ffffff" }): string {
  const panels = table.models.map((model, index) =>
    panel(
      model,
      table.rows.filter((row) => row.model === model.name),
      index * size.panel,
      ink,
    ),
  );
  const height = Math.max(1, panels.length) * size.panel;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escapeMarkup(`${table.sweep}: accuracy over size`)}</title>`,
    ...(background === undefined ? [] : [`<rect width="${size.width}" height="${height}" fill="${background}"/>`]),
    ...panels.flat(),
    "</svg>\n",
  ].join("\n");
}

function panel(model: SweepModel, rows: readonly SweepRow[], offset: number, ink: string): string[] {
  const points = rows.flatMap((row) =>
    row.mean === undefined || row.weightBytes === undefined ? [] : [{ ...row, mean: row.mean, bytes: row.weightBytes }],
  );
  const title = text(`${model.name}: ${model.metric} (${model.unit}) over the size of the weights`, size.left, offset + 20, ink, 'font-size="14"');
  if (points.length === 0) return [title, text("No run has finished yet.", size.left, offset + 60, ink)];
  const [low, high] = bounds([...points.map(({ mean }) => mean), ...(model.fp32 === undefined ? [] : [model.fp32])]);
  const [least, most] = widened(Math.min(...points.map(({ bytes }) => bytes)), Math.max(...points.map(({ bytes }) => bytes)));
  const [width, height] = [size.width - size.left - size.right, size.panel - size.top - size.bottom];
  const x = (bytes: number) => size.left + (width * Math.log(bytes / least)) / Math.log(most / least);
  const y = (value: number) => offset + size.top + height * (1 - (value - low) / (high - low));
  const front = points.filter(({ best }) => best).toSorted((a, b) => a.bytes - b.bytes);
  const path = front.map(({ bytes, mean }) => `${tenths(x(bytes))},${tenths(y(mean))}`).join(" ");
  const methods = [...new Set(points.map(({ method }) => method))];
  return [
    title,
    ...ticks(low, high).flatMap((value) => [
      svgLine(size.left, y(value), size.left + width, y(value), `stroke="${ink}" stroke-opacity="0.15"`),
      text(String(value), size.left - 8, y(value) + 4, ink, 'text-anchor="end"'),
    ]),
    ...[0, 1, 2, 3, 4].map((step) => {
      const bytes = least * (most / least) ** (step / 4);
      return text(formatByteSize(Math.round(bytes)), x(bytes), offset + size.panel - size.bottom + 20, ink, 'text-anchor="middle"');
    }),
    ...(model.fp32 === undefined
      ? []
      : [
          svgLine(size.left, y(model.fp32), size.left + width, y(model.fp32), `stroke="${ink}" stroke-dasharray="6 4"`),
          text(`FP32 ${model.fp32.toFixed(2)}`, size.left + width + 8, y(model.fp32) + 4, ink),
        ]),
    `<polyline class="front" points="${path}" fill="none" stroke="${ink}" stroke-opacity="0.5"/>`,
    ...points.flatMap((point) => marker(point, x(point.bytes), y, ink)),
    ...methods.flatMap((method, i) => [
      `<rect x="${size.left + width + 8}" y="${offset + size.top + 30 + i * 20}" width="10" height="10" fill="${colourOf(method, ink)}"/>`,
      text(method, size.left + width + 24, offset + size.top + 39 + i * 20, ink),
    ]),
  ];
}

/** A dot with its setting as a tooltip, and a bar of one standard deviation. */
function marker(point: SweepRow & { mean: number }, x: number, y: (value: number) => number, ink: string): string[] {
  const { mean, deviation, method, setting, best } = point;
  const colour = colourOf(method, ink);
  const bar = deviation ? [svgLine(x, y(mean - deviation), x, y(mean + deviation), `stroke="${colour}" stroke-width="2"`)] : [];
  const label = `<title>${escapeMarkup(`${setting}: ${mean.toFixed(2)}`)}</title>`;
  return [
    ...bar,
    `<circle cx="${tenths(x)}" cy="${tenths(y(mean))}" r="${best ? 5 : 4}" fill="${best ? colour : "none"}" stroke="${colour}" stroke-width="2">${label}</circle>`,
  ];
}

function colourOf(method: string, ink: string): string {
  return colours[method] ?? ink;
}

/** Whole fives around the values. */
function bounds(values: readonly number[]): [low: number, high: number] {
  const low = Math.floor(Math.min(...values) / 5) * 5;
  const high = Math.ceil(Math.max(...values) / 5) * 5;
  return low === high ? [low - 5, high + 5] : [low, high];
}

/** A margin on both sides, so that no dot lies on an edge. */
function widened(least: number, most: number): [number, number] {
  const margin = Math.max(1.05, (most / least) ** 0.06);
  return [least / margin, most * margin];
}

function ticks(low: number, high: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((candidate) => (high - low) / candidate <= 8) ?? high - low;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, i) => first + i * step);
}

function text(content: string, x: number, y: number, ink: string, attributes = ""): string {
  return svgText(content, x, y, `fill="${ink}" ${attributes}`);
}
