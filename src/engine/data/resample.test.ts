import { describe, expect, it } from "vitest";
import { npzFixture } from "../../../test/support/fixtures.ts";
import type { Image } from "./image.ts";
import { resize } from "./resample.ts";

const resized = npzFixture("resized.npz");

function image(name: string): Image {
  const { dims, data } = resized.get(name)!;
  return { height: dims[0]!, width: dims[1]!, channels: dims[2]!, data: Uint8Array.from(data) };
}

const source = image("source");
const sizes = [...resized.keys()].filter((name) => /^\d/.test(name));

describe("resize", () => {
  it.each(sizes)("gives Pillow's very pixels at %s", (name) => {
    const expected = image(name);
    expect(resize(source, expected.width, expected.height)).toEqual(expected);
  });

  it("gives a part as it is in the whole", () => {
    for (const [width, height] of [
      [30, 23],
      [128, 99],
    ] as const) {
      const whole = resize(source, width, height);
      const part = resize(source, width, height, { left: 5, top: 3, width: 11, height: 7 });
      for (let y = 0; y < 7; y++) {
        const from = ((y + 3) * width + 5) * 3;
        expect(part.data.subarray(y * 33, (y + 1) * 33)).toEqual(whole.data.subarray(from, from + 33));
      }
    }
  });

  it("keeps a flat image flat at every scale", () => {
    const flat: Image = { width: 97, height: 89, channels: 1, data: new Uint8Array(97 * 89).fill(255) };
    for (const side of [1, 2, 13, 50, 96, 98, 333]) expect(resize(flat, side, side).data.every((value) => value === 255)).toBe(true);
  });
});
