/** @file From values to colours: the range of the values, linear or logarithmic. */
import type { NodeData } from "../../../src/protocol/graphView.ts";
import { hex, mapColour, mix, parseHex, type Rgb } from "./colourMap.ts";
import { textOn } from "./contrast.ts";

export interface Scale {
  least: number;
  greatest: number;
  logarithmic: boolean;
  /** Stops that the user's file brings instead of the built-in map. */
  gradient?: { stop: number; colour: Rgb }[];
}

/** Values that differ by more than this factor are spread by their logarithm. */
const logarithmicFrom = 50;

/** The scale of the values; undefined where there is none. */
export function scaleOf(values: Iterable<number>, mayBeLogarithmic: boolean): Scale | undefined {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least > greatest) return undefined;
  return { least, greatest, logarithmic: mayBeLogarithmic && least > 0 && greatest / least > logarithmicFrom };
}

/** Where a value stands between the least, 0, and the greatest, 1. */
export function shareOf(value: number, { least, greatest, logarithmic }: Scale): number {
  if (greatest === least) return 0.5;
  const share = logarithmic ? Math.log(value / least) / Math.log(greatest / least) : (value - least) / (greatest - least);
  return Math.min(1, Math.max(0, share));
}

/** The value at a share: the marks of the legend. */
export function valueAt(share: number, { least, greatest, logarithmic }: Scale): number {
  return logarithmic ? least * (greatest / least) ** share : least + (greatest - least) * share;
}

export function colourAt(share: number, scale: Scale): Rgb {
  const stops = scale.gradient;
  if (!stops || stops.length === 0) return mapColour(share);
  const after = stops.findIndex(({ stop }) => stop >= share);
  if (after < 0) return stops.at(-1)!.colour;
  const [low, high] = [stops[Math.max(0, after - 1)]!, stops[after]!];
  return high.stop === low.stop ? high.colour : mix(low.colour, high.colour, (share - low.stop) / (high.stop - low.stop));
}

/** Background and text colour of a value, for styles. */
export function paint(value: number, scale: Scale): { background: string; color: string } {
  return paintColour(colourAt(shareOf(value, scale), scale));
}

export function paintColour(colour: Rgb): { background: string; color: string } {
  return { background: hex(colour), color: textOn(colour) };
}

/** The file's gradient, in order; colours that are none are left out. */
export function gradientOf({ gradient }: NodeData): Scale["gradient"] {
  return gradient
    ?.flatMap(({ stop, colour }) => {
      const rgb = parseHex(colour);
      return rgb ? [{ stop, colour: rgb }] : [];
    })
    .sort((a, b) => a.stop - b.stop);
}
