/**
 * @file Decoding image files to 8-bit RGB, pixel for pixel as Pillow's `Image.open(file).convert("RGB")` does:
 * alpha is dropped, colour profiles and the EXIF orientation are not applied, palettes are resolved. One difference:
 * of 16-bit gray the high byte is taken, as of 16-bit RGB, where Pillow cuts everything above 255 off to white.
 */
import { readFile, stat } from "node:fs/promises";
import type { Sharp, SharpOptions } from "sharp";
import { errorMessage, UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import type { Image } from "./image.ts";

/** A file that claims more pixels is not decoded: 100 megapixels take 300 MB. */
export const maxImagePixels = 100e6;
/** No real image of 100 megapixels is larger than its pixels at 16 bits and four channels. */
const maxFileBytes = 8 * maxImagePixels;

type SharpFactory = (input: Uint8Array, options: SharpOptions) => Sharp;
let loading: Promise<SharpFactory> | undefined;

/** Loaded on first use: commands that read no images then run where sharp's binary does not. */
async function loadSharp(): Promise<SharpFactory> {
  try {
    const { default: sharp } = await import("sharp");
    // Every file is read once, so remembering results only takes memory.
    sharp.cache(false);
    return sharp;
  } catch (error) {
    throw new UserError(`The image library "sharp" does not load on ${process.platform}-${process.arch} (${errorMessage(error).split("\n")[0]}).`, {
      hint: 'Give the data as arrays ("calibration": { "arrays": "x.npy" }) instead of images.',
      cause: error,
    });
  }
}

/**
 * Reads an image file; of an animation, the first frame.
 * @throws UserError where it cannot be read, is damaged or cut off, or has too many pixels
 */
export async function decodeImageFile(path: string): Promise<Image> {
  const bytes = await readImageBytes(path);
  try {
    return await decodeImage(bytes);
  } catch (error) {
    if (error instanceof UserError) throw new UserError(error.message, { hint: error.hint, place: { file: path }, cause: error });
    throw error;
  }
}

async function readImageBytes(path: string): Promise<Uint8Array> {
  try {
    // Before opening: that would wait forever on a named pipe.
    const stats = await stat(path);
    if (!stats.isFile()) throw new UserError("The path is not a file.", { place: { file: path } });
    if (stats.size > maxFileBytes) throw new UserError("The image file is too large.", { place: { file: path } });
    return await readFile(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

/** As {@link decodeImageFile}, of a file's bytes. */
export async function decodeImage(bytes: Uint8Array): Promise<Image> {
  // sharp would decode further formats, some of which (SVG) can name other files.
  if (!isJpegPngOrWebp(bytes)) throw new UserError("The file is not a JPEG, PNG or WebP image.");
  loading ??= loadSharp();
  const sharp = await loading;
  try {
    return await decodeWith(sharp(bytes, { failOn: "error", ignoreIcc: true, limitInputPixels: maxImagePixels, autoOrient: false }));
  } catch (error) {
    const reason = errorMessage(error).split("\n")[0]!;
    if (/pixel limit/.test(reason)) {
      throw new UserError(`The image has more than ${maxImagePixels / 1e6} megapixels.`, { hint: "Make it smaller first.", cause: error });
    }
    throw new UserError(`The image is damaged (${reason}).`, { cause: error });
  }
}

function isJpegPngOrWebp(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  return head.startsWith("\xff\xd8\xff") || head.startsWith("\x89PNG\r\n\x1a\n") || (head.startsWith("RIFF") && head.slice(8) === "WEBP");
}

async function decodeWith(source: Sharp): Promise<Image> {
  const { space } = await source.metadata();
  if (space === "cmyk") {
    const { data, info } = await source.pipelineColourspace("cmyk").toColourspace("cmyk").raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: 3, data: cmykToRgb(data) };
  }
  if (space === "grey16") {
    const { data, info } = await source.toColourspace("grey16").removeAlpha().raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: 3, data: highBytesToRgb(data) };
  }
  const { data, info } = await source.toColourspace("srgb").removeAlpha().raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels`);
  return { width: info.width, height: info.height, channels: 3, data };
}

/** (255 - colour) (255 - black) / 255, as Pillow converts: no ink profile. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let i = 0, j = 0; i < cmyk.length; i += 4, j += 3) {
    const light = 255 - cmyk[i + 3]!;
    for (let c = 0; c < 3; c++) rgb[j + c] = light - Math.round((cmyk[i + c]! * light) / 255);
  }
  return rgb;
}

/** The high byte of little-endian 16-bit gray, three times. */
function highBytesToRgb(gray: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((gray.length / 2) * 3);
  for (let i = 0, j = 0; i < gray.length; i += 2, j += 3) rgb.fill(gray[i + 1]!, j, j + 3);
  return rgb;
}
