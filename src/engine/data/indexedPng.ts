/**
 * @file Label masks: PNG files whose stored numbers, gray levels or places in a palette, are the classes of pixels.
 * Image libraries give a palette's colours and drop the places, so the file is read here (PNG, ISO/IEC 15948).
 */
import { readFile, stat } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import { maxImagePixels } from "./decode.ts";

/** One class a pixel, row-major. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly classes: Uint8Array;
}

/** Compressed masks are far below their pixels' size. */
const maxFileBytes = maxImagePixels + 2 ** 20;
const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [grayType, paletteType] = [0, 3];

/**
 * Reads a mask file.
 * @throws UserError where it is no PNG of gray levels or a palette with at most 8 bits, or is damaged
 */
export async function readMaskFile(path: string): Promise<Mask> {
  try {
    const stats = await stat(path);
    if (!stats.isFile() || stats.size > maxFileBytes) throw new UserError("The mask is not a file, or too large.", { place: { file: path } });
    return decodeMask(await readFile(path));
  } catch (error) {
    if (error instanceof UserError) throw new UserError(error.message, { hint: error.hint, place: { file: path }, cause: error });
    throw fileError(error, "read", path);
  }
}

/** As {@link readMaskFile}, of a file's bytes. */
export function decodeMask(bytes: Uint8Array): Mask {
  if (!signature.every((byte, i) => bytes[i] === byte)) throw new UserError("The mask is not a PNG file.", { hint: "Save masks as PNG." });
  const { header, data } = readChunks(bytes);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height, depth, type, interlace] = [view.getUint32(0), view.getUint32(4), header[8]!, header[9]!, header[12]!];
  if ((type !== grayType && type !== paletteType) || depth > 8) {
    throw new UserError("The mask has colours, transparency or 16 bits: its pixels are not numbers of classes.", {
      hint: "Save it as PNG with a palette or 8-bit gray, each pixel the number of its class.",
    });
  }
  if (interlace !== 0) throw new UserError("The mask is an interlaced PNG, which is not read.", { hint: "Save it without interlacing." });
  if (width === 0 || height === 0 || width * height > maxImagePixels) throw damaged("its size is not usable");
  const rowBytes = Math.ceil((width * depth) / 8);
  const rows = unfiltered(inflated(data, (rowBytes + 1) * height), rowBytes, height);
  return { width, height, classes: unpacked(rows, width, height, depth, rowBytes) };
}

/** The header and the joined image data. */
function readChunks(bytes: Uint8Array): { header: Uint8Array; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let header: Uint8Array | undefined;
  for (let at = signature.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12) break;
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (name === "IHDR" && length === 13) header = body;
    if (name === "IDAT") parts.push(body);
    at += length + 12;
  }
  if (!header || parts.length === 0) throw damaged("it is cut off");
  return { header, data: Buffer.concat(parts) };
}

function inflated(data: Uint8Array, length: number): Uint8Array {
  try {
    const bytes = inflateSync(data, { maxOutputLength: length });
    if (bytes.length === length) return bytes;
  } catch {
    // Told below, with what the user can do.
  }
  throw damaged("its data is not whole");
}

/** Undoes the filter of each row, whose number stands before it; pixels are at most a byte, so that "left" is the byte before. */
function unfiltered(data: Uint8Array, rowBytes: number, height: number): Uint8Array {
  const out = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (rowBytes + 1)]!;
    if (filter > 4) throw damaged("its data is not valid");
    for (let x = 0; x < rowBytes; x++) {
      const at = y * rowBytes + x;
      const left = x > 0 ? out[at - 1]! : 0;
      const up = y > 0 ? out[at - rowBytes]! : 0;
      const corner = x > 0 && y > 0 ? out[at - rowBytes - 1]! : 0;
      const predictions = [0, left, up, (left + up) >> 1, paeth(left, up, corner)];
      out[at] = data[y * (rowBytes + 1) + 1 + x]! + predictions[filter]!;
    }
  }
  return out;
}

/** Whichever of the three is nearest to left + up - corner. */
function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** One byte a pixel, from pixels of 1 to 8 bits, the first in the high bits. */
function unpacked(rows: Uint8Array, width: number, height: number, depth: number, rowBytes: number): Uint8Array {
  if (depth === 8) return rows;
  const out = new Uint8Array(width * height);
  const mask = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      out[y * width + x] = (rows[y * rowBytes + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

function damaged(why: string): UserError {
  return new UserError(`The mask is damaged: ${why}.`, { hint: "Save it again." });
}
