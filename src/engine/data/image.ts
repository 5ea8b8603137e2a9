/** @file An image in memory, and the channels that a model may want of it. */

/** 8-bit samples, row-major, channels interleaved. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** Channels that a model expects. */
export type Channels = "RGB" | "BGR" | "gray" | "Y";

export function channelCount(channels: Channels): number {
  return channels === "RGB" || channels === "BGR" ? 3 : 1;
}

/** An RGB image in the channels wanted; the image itself where that is RGB. */
export function convertChannels(rgb: Image, channels: Channels): Image {
  switch (channels) {
    case "RGB":
      return rgb;
    case "BGR":
      return { ...rgb, data: reversed(rgb.data) };
    case "gray":
      return { ...rgb, channels: 1, data: gray(rgb.data) };
    case "Y":
      return { ...rgb, channels: 1, data: luminance(rgb.data) };
  }
}

function reversed(rgb: Uint8Array): Uint8Array {
  const bgr = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    bgr[i] = rgb[i + 2]!;
    bgr[i + 1] = rgb[i + 1]!;
    bgr[i + 2] = rgb[i]!;
  }
  return bgr;
}

/** ITU-R BT.601 weights in 16-bit fixed point, rounded: what Pillow's mode "L" holds. */
function gray(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < out.length; i++, j += 3) {
    out[i] = (rgb[j]! * 19595 + rgb[j + 1]! * 38470 + rgb[j + 2]! * 7471 + 0x8000) >> 16;
  }
  return out;
}

/** Products of BT.601 weights with 0..255, each rounded to 1/64: what the Y of Pillow's mode "YCbCr" adds up. */
const [redPart, greenPart, bluePart] = [0.299, 0.587, 0.114].map((weight) =>
  Int32Array.from({ length: 256 }, (_, i) => Math.floor(i * weight * 64 + 0.5)),
);

/** Full-range BT.601 luminance, cut off to whole numbers as Pillow's "YCbCr" does; up to 1 below `gray`. */
function luminance(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < out.length; i++, j += 3) {
    out[i] = (redPart![rgb[j]!]! + greenPart![rgb[j + 1]!]! + bluePart![rgb[j + 2]!]!) >> 6;
  }
  return out;
}
