/** @file A plot of lines on logarithmic axes, as SVG. */
import { escapeMarkup } from "../../src/config/escapeMarkup.ts";
import { svgLine, svgText, tenths } from "../../src/config/svg.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinePlot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

/** Colours that remain apart for the colour-blind (Okabe & Ito 2008). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const frame = { width: 640, height: 360, left: 70, right: 110, top: 40, bottom: 56 };

/** Ticks on the x axis are the values that were measured. */
export function linePlot({ title, x, y, series }: LinePlot): string {
  const points = series.flatMap((each) => each.points);
  const xs = [...new Set(points.map(([value]) => value))].sort((a, b) => a - b);
  const ys = decades(points.map(([, value]) => value));
  const [right, bottom] = [frame.width - frame.right, frame.height - frame.bottom];
  const at = (value: number, from: number, to: number, first: number, last: number) =>
    first + ((last - first) * Math.log(value / from)) / Math.log(to / from);
  const xAt = (value: number) => at(value, xs[0]!, xs.at(-1)!, frame.left, right);
  const yAt = (value: number) => at(value, ys[0]!, ys.at(-1)!, bottom, frame.top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${frame.height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escapeMarkup(title)}</title>`,
    `<rect width="${frame.width}" height="${frame.height}" fill="#ffffff"/>`,
    svgText(title, frame.left, 22, 'font-size="14"'),
    ...ys.flatMap((value) => [
      svgLine(frame.left, yAt(value), right, yAt(value), 'stroke="#000000" stroke-opacity="0.15"'),
      svgText(String(value), frame.left - 8, yAt(value) + 4, 'text-anchor="end"'),
    ]),
    ...xs.map((value) => svgText(String(value), xAt(value), bottom + 18, 'text-anchor="middle"')),
    svgText(x, (frame.left + right) / 2, frame.height - 14, 'text-anchor="middle"'),
    svgText(y, 16, (frame.top + bottom) / 2, `text-anchor="middle" transform="rotate(-90 16 ${(frame.top + bottom) / 2})"`),
    ...series.flatMap((each, i) => drawSeries(each, colours[i % colours.length]!, frame.top + 14 + 20 * i)),
    "</svg>\n",
  ].join("\n");

  function drawSeries({ name, points: values }: Series, colour: string, labelAt: number): string[] {
    const places = values.map(([px, py]) => [tenths(xAt(px)), tenths(yAt(py))] as const);
    return [
      `<polyline points="${places.map((place) => place.join(",")).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map(
        ([px, py], i) => `<circle cx="${px}" cy="${py}" r="4" fill="${colour}"><title>${escapeMarkup(`${name}: ${values[i]![1]}`)}</title></circle>`,
      ),
      svgText(name, right + 12, labelAt, `fill="${colour}"`),
    ];
  }
}

/** 1, 2, 5, 10, … from below the least value to above the greatest. */
function decades(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const marks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    for (const digit of [1, 2, 5]) marks.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  const first = marks.findLastIndex((mark) => mark <= least);
  const last = marks.findIndex((mark) => mark >= most);
  return marks.slice(first, Math.max(last, first + 1) + 1);
}
