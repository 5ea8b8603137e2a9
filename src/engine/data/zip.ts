/** @file Reading ZIP archives in memory (PKWARE APPNOTE 6.3): stored and deflated entries, without ZIP64 or encryption. */
import { crc32, inflateRawSync } from "node:zlib";
import { errorMessage, UserError } from "../errors.ts";

const endRecordBytes = 22;
const endRecordSignature = 0x06054b50;
const centralHeaderBytes = 46;
const centralSignature = 0x02014b50;
const localHeaderBytes = 30;
const localSignature = 0x04034b50;

export interface ZipEntry {
  readonly name: string;
  /** Size when unpacked. */
  readonly size: number;
  /** @throws UserError where the entry is damaged */
  unpack(): Uint8Array;
}

/**
 * The entries of an archive, as its central directory lists them.
 * @throws UserError where the bytes are not a complete archive, or one of a kind that is not supported
 */
export function readZip(bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = findEndRecord(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff) throw unsupported("is a ZIP64 archive");
  const entries: ZipEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + centralHeaderBytes > end || view.getUint32(at, true) !== centralSignature) throw damaged("its directory is cut off");
    const next = at + centralHeaderBytes + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > end) throw damaged("its directory is cut off");
    entries.push(readEntry(bytes, view, at));
    at = next;
  }
  return entries;
}

/** The end record is the last thing in the file but for a comment of at most 65,535 bytes. */
function findEndRecord(view: DataView): number {
  const first = Math.max(0, view.byteLength - endRecordBytes - 0xffff);
  for (let at = view.byteLength - endRecordBytes; at >= first; at--) {
    if (view.getUint32(at, true) === endRecordSignature) return at;
  }
  throw damaged("it has no directory");
}

function readEntry(bytes: Uint8Array, view: DataView, at: number): ZipEntry {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const crc = view.getUint32(at + 16, true);
  const packedSize = view.getUint32(at + 20, true);
  const size = view.getUint32(at + 24, true);
  const nameLength = view.getUint16(at + 28, true);
  const local = view.getUint32(at + 42, true);
  const name = Buffer.from(bytes.subarray(at + centralHeaderBytes, at + centralHeaderBytes + nameLength)).toString("utf8");
  if (packedSize === 0xffffffff || size === 0xffffffff || local === 0xffffffff) throw unsupported("is a ZIP64 archive");
  if (flags & 1) throw unsupported("is encrypted");
  if (method !== 0 && method !== 8) throw unsupported(`is compressed by method ${method}`);

  const unpack = () => {
    if (local + localHeaderBytes > bytes.length || view.getUint32(local, true) !== localSignature) throw damaged(`the entry "${name}" is missing`);
    const start = local + localHeaderBytes + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + packedSize > bytes.length) throw damaged(`the entry "${name}" is cut off`);
    const packed = bytes.subarray(start, start + packedSize);
    const content = method === 0 ? packed : inflate(packed, size, name);
    if (content.length !== size || crc32(content) !== crc) throw damaged(`the entry "${name}" does not match its checksum`);
    return content;
  };
  return { name, size, unpack };
}

/** Never unpacks more than the directory announces. */
function inflate(packed: Uint8Array, size: number, name: string): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new UserError(`The archive is damaged: the entry "${name}" cannot be unpacked (${errorMessage(error)}).`, {
      hint: "Write it again.",
      cause: error,
    });
  }
}

function damaged(what: string): UserError {
  return new UserError(`The file is not a ZIP archive, or is damaged: ${what}.`, { hint: "Write it again." });
}

function unsupported(what: string): UserError {
  return new UserError(`The archive ${what}, which is not supported.`, { hint: "Save each array as a .npy file instead." });
}
