/** @file A sequential colour map that people with any colour vision can read: from dark blue over grey to yellow, ever lighter. */

export type Rgb = readonly [number, number, number];

/** Stops at equal distances; lightness rises evenly, and blue to yellow is told apart without red and green. */
const stops: readonly Rgb[] = [
  [10, 32, 84],
  [45, 62, 110],
  [83, 88, 118],
  [114, 113, 121],
  [148, 140, 116],
  [185, 170, 101],
  [222, 201, 78],
  [253, 234, 69],
];

/** The colour of a share, 0 for the least value and 1 for the greatest. */
export function mapColour(share: number): Rgb {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  return mix(stops[index]!, stops[index + 1]!, place - index);
}

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  return [0, 1, 2].map((i) => Math.round(from[i]! + (to[i]! - from[i]!) * share)) as unknown as Rgb;
}

export function hex(colour: Rgb): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** "#abc" and "#aabbcc"; undefined for anything else, so that text of a file never becomes style. */
export function parseHex(text: string): Rgb | undefined {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  const parts = short ? short.slice(1).map((digit) => digit + digit) : long?.slice(1);
  return parts?.map((part) => Number.parseInt(part, 16)) as Rgb | undefined;
}
