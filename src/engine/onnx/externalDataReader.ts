/** @file Reading tensor data from files beside the model, safely. */
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import { tensorsOf } from "./modelTensors.ts";
import { type ModelProto, type TensorProto, TensorProto_DataLocation } from "./onnx_pb.ts";
import { rawTensorBytes } from "./tensorCodec.ts";

/** One read call takes less than 2 GiB. */
const maxReadBytes = 2 ** 28;

/** A data file that is open, and what was read of it. */
interface DataFile {
  path: string;
  handle: FileHandle;
  size: number;
  read: number;
  /** Tensors that share a range share its memory. */
  ranges: Map<string, Uint8Array>;
}

/**
 * Moves tensor data that lies in other files into `rawData`. Those files must be in the model's folder or below it,
 * links resolved, and each range inside its file; memory is taken only after the check, and for no byte twice.
 * @throws UserError that names the tensor and the file
 */
export async function loadExternalData(model: ModelProto, modelPath: string): Promise<void> {
  const files = new Map<string, DataFile>();
  try {
    for (const tensor of tensorsOf(model)) {
      if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
      tensor.rawData = await readTensor(tensor, modelPath, files);
      tensor.externalData = [];
      tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
    }
  } finally {
    for (const { handle } of files.values()) await handle.close();
  }
}

async function readTensor(tensor: TensorProto, modelPath: string, files: Map<string, DataFile>): Promise<Uint8Array> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const expected = rawTensorBytes(tensor);
  const offset = byteCount(tensor, modelPath, "offset", entries.get("offset") ?? "0");
  const length = byteCount(tensor, modelPath, "length", entries.get("length") ?? `${expected}`);
  if (length !== expected) throw wrong(tensor, modelPath, `should take ${expected} bytes by its shape, but the model says ${length}`);
  if (expected === 0) return new Uint8Array(0);
  const file = await openDataFile(tensor, modelPath, location, files);
  if (offset + length > file.size) {
    throw wrong(tensor, file.path, `needs bytes ${offset} to ${offset + length} of its data file, which has only ${file.size}`);
  }
  const range = `${offset}+${length}`;
  const known = file.ranges.get(range);
  if (known) return known;
  file.read += length;
  if (file.read > file.size) throw wrong(tensor, file.path, "overlaps other tensors in its data file");
  const bytes = await readRange(tensor, file, offset, length);
  file.ranges.set(range, bytes);
  return bytes;
}

function byteCount(tensor: TensorProto, modelPath: string, key: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw wrong(tensor, modelPath, `has the impossible external data ${key} "${text.slice(0, 40)}"`);
  return value;
}

/** Files are kept by their real path: one that goes by several names is still read once. */
async function openDataFile(tensor: TensorProto, modelPath: string, location: string, files: Map<string, DataFile>): Promise<DataFile> {
  if (location === "") throw wrong(tensor, modelPath, "has its data in another file, but the model does not say in which");
  const segments = location.split(/[/\\]/);
  if (/^([/\\]|[A-Za-z]:)/.test(location) || segments.includes("..") || location.includes("\0")) throw outside(tensor, modelPath, location);
  const folder = dirname(modelPath);
  const path = join(folder, ...segments);
  try {
    const real = await realpath(path);
    if (!isInside(await realpath(folder), real)) throw outside(tensor, modelPath, location);
    const known = files.get(real);
    if (known) return known;
    // Before it is opened: opening a pipe would wait for a writer.
    const stats = await stat(real);
    if (!stats.isFile()) throw wrong(tensor, path, "has its data in something that is not a file");
    const file = { path, handle: await open(real, "r"), size: stats.size, read: 0, ranges: new Map() };
    files.set(real, file);
    return file;
  } catch (error) {
    const explained = fileError(error, "read", path);
    if (!(explained instanceof UserError) || error instanceof UserError) throw explained;
    throw wrong(tensor, path, `has its data in a file that cannot be read. ${explained.message.slice(0, -1)}`, "Put it beside the model.");
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way);
}

async function readRange(tensor: TensorProto, file: DataFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = allocate(tensor, file, length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.handle.read(bytes, done, Math.min(maxReadBytes, length - done), offset + done);
    if (bytesRead === 0) throw wrong(tensor, file.path, "has a data file that became shorter while it was read");
    done += bytesRead;
  }
  return bytes;
}

function allocate(tensor: TensorProto, file: DataFile, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new UserError(`The tensor "${tensor.name}" takes ${length} bytes, more memory than there is.`, {
      hint: "Close other programs, or use a smaller model.",
      place: { file: file.path },
      cause,
    });
  }
}

function outside(tensor: TensorProto, modelPath: string, location: string): UserError {
  const hint = "Copy the model and its data files, not links to them, into one folder.";
  return wrong(tensor, modelPath, `has its data in "${location.slice(0, 200)}", outside the model's folder`, hint);
}

function wrong(tensor: TensorProto, file: string, what: string, hint = "Export or download the model again."): UserError {
  return new UserError(`The tensor "${tensor.name}" ${what}.`, { hint, place: { file } });
}
