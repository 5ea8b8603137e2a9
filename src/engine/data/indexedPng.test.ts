import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodeMask } from "./indexedPng.ts";

function chunk(name: string, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, Buffer.from(name), body, Buffer.alloc(4)]);
}

/** A PNG of rows with their filter bytes in front. */
function png(width: number, height: number, depth: number, type: number, rows: readonly number[], interlace = 0): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, type, 0, 0, interlace], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.from(rows))), chunk("IEND", Buffer.alloc(0))]);
}

describe("decodeMask", () => {
  it("gives places in the palette, not colours, at 1 to 8 bits", () => {
    expect([...decodeMask(png(3, 2, 8, 3, [0, 7, 8, 9, 0, 15, 0, 255])).classes]).toEqual([7, 8, 9, 15, 0, 255]);
    expect([...decodeMask(png(3, 2, 4, 3, [0, 0x12, 0x30, 0, 0xf0, 0x50])).classes]).toEqual([1, 2, 3, 15, 0, 5]);
    expect([...decodeMask(png(5, 1, 2, 3, [0, 0b00011011, 0b11000000])).classes]).toEqual([0, 1, 2, 3, 3]);
    expect([...decodeMask(png(3, 1, 1, 0, [0, 0b10100000])).classes]).toEqual([1, 0, 1]);
  });

  it("undoes every filter", () => {
    // Rows: none 10 20 30; left; up; average; Paeth: each as differences to its prediction.
    const rows = [
      [0, 10, 20, 30],
      [1, 5, 1, 1],
      [2, 1, 1, 1],
      [3, 10, 10, 10],
      [4, 1, 2, 3],
    ];
    expect([...decodeMask(png(3, 5, 8, 0, rows.flat())).classes]).toEqual([10, 20, 30, 5, 6, 7, 6, 7, 8, 13, 20, 24, 14, 22, 27]);
  });

  it("equals sharp on a gray image with all filters", async () => {
    const data = Uint8Array.from({ length: 61 * 47 }, (_, i) => (Math.sin(i / 9) * 60 + (i % 61) * 2 + 70) & 255);
    const file = await sharp(data, { raw: { width: 61, height: 47, channels: 1 } })
      .toColourspace("b-w")
      .png({ adaptiveFiltering: true })
      .toBuffer();
    expect(decodeMask(file)).toEqual({ width: 61, height: 47, classes: data });
  });

  it("refuses what is no mask, or damaged", () => {
    const good = png(3, 1, 8, 3, [0, 1, 2, 3]);
    expect(() => decodeMask(Buffer.from("hello"))).toThrow("not a PNG");
    expect(() => decodeMask(png(1, 1, 8, 2, [0, 1, 2, 3]))).toThrow("has colours");
    expect(() => decodeMask(png(1, 1, 16, 0, [0, 1, 2]))).toThrow("16 bits");
    expect(() => decodeMask(png(3, 1, 8, 3, [0, 1, 2, 3], 1))).toThrow("interlaced");
    expect(() => decodeMask(png(3, 2, 8, 3, [0, 1, 2, 3]))).toThrow("not whole");
    expect(() => decodeMask(png(3, 1, 8, 3, [0, 1, 2, 3, 4, 5]))).toThrow("not whole");
    expect(() => decodeMask(png(3, 1, 8, 3, [9, 1, 2, 3]))).toThrow("not valid");
    expect(() => decodeMask(png(100000, 100000, 8, 3, [0]))).toThrow("size is not usable");
    for (let length = 8; length < good.length - 12; length++) expect(() => decodeMask(good.subarray(0, length))).toThrow(/damaged/);
  });
});
