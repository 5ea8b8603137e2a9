import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, npzFixture } from "../../../test/support/fixtures.ts";
import { UserError } from "../errors.ts";
import { decodeImage, decodeImageFile } from "./decode.ts";
import { convertChannels, type Image } from "./image.ts";

const decoded = npzFixture("decoded.npz");
const images = readdirSync(fixture("images")).filter((name) => name !== "gray16.png");

function expectPixels(image: Image, expected: string): void {
  const { dims, data } = decoded.get(expected)!;
  expect([image.height, image.width]).toEqual(dims.slice(0, 2));
  expect(Buffer.from(image.data).equals(Buffer.from(Uint8Array.from(data)))).toBe(true);
}

describe("decodeImageFile", () => {
  it.each(images)("decodes %s to the pixels that Pillow gives", async (name) => {
    expectPixels(await decodeImageFile(fixture(join("images", name))), name);
  });

  it("leaves the EXIF orientation and colour profiles alone", async () => {
    const { width, height } = await decodeImageFile(fixture("images/turned.jpg"));
    expect([width, height]).toEqual([53, 37]);
    const plain = decoded.get("turned.jpg")!.data;
    expect(decoded.get("profile.jpg")!.data).toEqual(plain);
  });

  it("takes the high byte of 16-bit gray", async () => {
    const { data } = await decodeImageFile(fixture("images/gray16.png"));
    const expected = Array.from({ length: 37 * 53 }, (_, i) => ((i % 53) * 1200 + Math.floor(i / 53) * 31) >> 8);
    expect(Array.from(data)).toEqual(expected.flatMap((value) => [value, value, value]));
  });

  it.each([
    ["cutOff.jpg", /damaged/],
    ["empty.png", /not a JPEG, PNG or WebP/],
    ["text.jpg", /not a JPEG, PNG or WebP/],
    ["vector.png", /not a JPEG, PNG or WebP/],
    ["bomb.png", /more than 100 megapixels/],
    ["missing.png", /does not exist/],
  ])("explains %s", async (name, message) => {
    const path = fixture(join("broken", name));
    const error = await decodeImageFile(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(message);
    expect((error as UserError).place.file).toBe(path);
  });

  it("refuses folders and devices", async () => {
    await expect(decodeImageFile(fixture("images"))).rejects.toThrow("not a file");
    if (process.platform !== "win32") await expect(decodeImageFile("/dev/zero")).rejects.toThrow("not a file");
  });

  it("survives changed bytes", async () => {
    for (const name of ["photo.jpg", "alpha.png", "lossy.webp"]) {
      const good = Uint8Array.from(readFileSync(fixture(`images/${name}`)));
      for (let i = 0; i < good.length; i += 11) {
        const result = await decodeImage(good.with(i, good[i]! ^ 0x5a)).catch((reason: unknown) => reason);
        if (result instanceof Error) expect(result).toBeInstanceOf(UserError);
      }
    }
  });
});

describe("convertChannels", () => {
  it("gives Pillow's gray and luminance", async () => {
    const rgb = await decodeImageFile(fixture("images/rgb.png"));
    expectPixels(convertChannels(rgb, "gray"), "luma/L");
    expectPixels(convertChannels(rgb, "Y"), "luma/Y");
  });

  it("exchanges red and blue", () => {
    const rgb = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(convertChannels(rgb, "BGR").data).toEqual(Uint8Array.of(3, 2, 1, 6, 5, 4));
    expect(convertChannels(rgb, "RGB")).toBe(rgb);
  });
});
