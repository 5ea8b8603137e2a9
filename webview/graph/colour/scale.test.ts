import { describe, expect, it } from "vitest";
import { mapColour, parseHex } from "./colourMap.ts";
import { contrast, luminance, textOn } from "./contrast.ts";
import { colourAt, scaleOf, shareOf, valueAt } from "./scale.ts";

const shares = Array.from({ length: 101 }, (_, i) => i / 100);

describe("the colour map", () => {
  it("grows ever lighter, so that it can be read without colours", () => {
    const lightness = shares.map((share) => luminance(mapColour(share)));
    for (let i = 1; i < lightness.length; i++) expect(lightness[i]!).toBeGreaterThan(lightness[i - 1]!);
  });

  it("stays told apart by people without red cones", () => {
    // Protanopia after Viénot, Brettel and Mollon (1999): red is lost, blue stays; steps of a tenth differ in lightness or blue.
    for (let i = 10; i <= 100; i += 10) {
      const [before, after] = [mapColour((i - 10) / 100), mapColour(i / 100)];
      expect(Math.abs(after[1] - before[1]) + Math.abs(after[2] - before[2])).toBeGreaterThan(12);
    }
  });

  it("has text that can be read everywhere", () => {
    for (const share of shares) {
      const colour = mapColour(share);
      expect(contrast(colour, parseHex(textOn(colour))!)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("takes colours of files only where they are colours", () => {
    expect(parseHex("#fA0")).toEqual([255, 170, 0]);
    expect(parseHex("url(x)")).toBeUndefined();
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 5);
  });
});

describe("scales", () => {
  it("are logarithmic where values differ by more than fifty times, and back", () => {
    const scale = scaleOf([0.001, 1, Number.NaN], true)!;
    expect(scale).toMatchObject({ least: 0.001, greatest: 1, logarithmic: true });
    expect(shareOf(0.01, scale)).toBeCloseTo(1 / 3, 6);
    expect(valueAt(shareOf(0.02, scale), scale)).toBeCloseTo(0.02, 6);
    expect(scaleOf([0, 100], true)!.logarithmic).toBe(false);
    expect(scaleOf([], true)).toBeUndefined();
  });

  it("take the file's gradient", () => {
    const gradient = [
      { stop: 0, colour: [0, 0, 0] as const },
      { stop: 1, colour: [200, 100, 0] as const },
    ];
    expect(colourAt(0.5, { least: 0, greatest: 1, logarithmic: false, gradient })).toEqual([100, 50, 0]);
  });
});
