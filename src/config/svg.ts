/** @file Parts of an SVG picture as text. */
import { escapeMarkup } from "./escapeMarkup.ts";

/** @param attributes more of them, as they stand in the tag */
export function svgText(content: string, x: number, y: number, attributes = ""): string {
  return `<text x="${tenths(x)}" y="${tenths(y)}" ${attributes}>${escapeMarkup(content)}</text>`;
}

export function svgLine(x1: number, y1: number, x2: number, y2: number, attributes: string): string {
  return `<line x1="${tenths(x1)}" y1="${tenths(y1)}" x2="${tenths(x2)}" y2="${tenths(y2)}" ${attributes}/>`;
}

/** Rounded: more digits of a coordinate cannot be seen. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
