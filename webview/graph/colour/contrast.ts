/** @file Contrast of text as WCAG 2.2 defines it. */
import type { Rgb } from "./colourMap.ts";

/** Relative luminance, 0..1 (WCAG 2.2, definition "relative luminance"). */
export function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio, 1..21. */
export function contrast(first: Rgb, second: Rgb): number {
  const [low, high] = [luminance(first), luminance(second)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white, whichever can be read better on the colour: at least 4.5:1 on any. */
export function textOn(background: Rgb): "#000000" | "#ffffff" {
  return contrast(background, [0, 0, 0]) >= contrast(background, [255, 255, 255]) ? "#000000" : "#ffffff";
}
