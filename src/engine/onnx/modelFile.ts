/** @file ONNX model files: reading and writing them whole, data files included. */
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { errorMessage, UserError } from "../errors.ts";
import { fileError, writeFileAtomic, writeFilesAtomic } from "../files.ts";
import { loadExternalData } from "./externalDataReader.ts";
import { layOutExternalData, serializedSizeBound } from "./externalDataWriter.ts";
import { type ModelProto, ModelProtoSchema } from "./onnx_pb.ts";

/** A protobuf message has at most 2^31 - 1 bytes; ONNX Runtime reads no more. */
const maxMessageBytes = 2 ** 31 - 1;

export interface SaveOptions {
  /** Serialized size in bytes above which initializers go to a data file beside the model; default just under 2 GiB. */
  externalDataThreshold?: number;
}

/**
 * Reads a model file, and the data files that it names, from its own folder.
 * @throws UserError where a file is missing, unreadable, damaged, or not an ONNX model
 */
export async function loadModel(path: string): Promise<ModelProto> {
  const model = parseModel(await readModelBytes(path), path);
  await loadExternalData(model, path);
  return model;
}

async function readModelBytes(path: string): Promise<Uint8Array> {
  const place = { file: path };
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) throw new UserError("The path is a folder, not a model file.", { hint: "Give the path of an .onnx file.", place });
    if (!stats.isFile()) throw new UserError("The path is not a regular file.", { hint: "Give the path of an .onnx file.", place });
    if (stats.size > maxMessageBytes) {
      throw new UserError("The file is over 2 GiB, which the ONNX format does not allow.", { hint: "Export the model with external data.", place });
    }
    return await readFile(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

/**
 * Parses a model. Tensors share the memory of `bytes`. Data in other files is not loaded.
 * @param fileName for error messages
 * @throws UserError where the bytes are not a complete ONNX model with at least one node
 */
export function parseModel(bytes: Uint8Array, fileName?: string): ModelProto {
  if (bytes.length === 0) throw notModel("The model file is empty.", fileName);
  if (new TextDecoder().decode(bytes.subarray(0, 40)).startsWith("version https://git-lfs")) {
    throw new UserError("The file is a Git LFS pointer, not the model itself.", { hint: 'Run "git lfs pull".', place: { file: fileName } });
  }
  const model = parseMessage(bytes, fileName);
  if (!model.graph?.node.length) throw notModel("The file is not an ONNX model: it has no graph with nodes.", fileName);
  return model;
}

function parseMessage(bytes: Uint8Array, fileName: string | undefined): ModelProto {
  try {
    // Not a Buffer, whose methods differ: every bytes field becomes a view of the same class.
    return fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (error) {
    throw notModel(`The file is not an ONNX model, or is damaged (${errorMessage(error)}).`, fileName, error);
  }
}

function notModel(message: string, file: string | undefined, cause?: unknown): UserError {
  return new UserError(message, { hint: "Check that it is an .onnx file and complete.", place: { file }, cause });
}

/** Whether a model is small enough for one file or message. */
export function fitsInOneFile(model: ModelProto): boolean {
  return serializedSizeBound(model) <= maxMessageBytes;
}

/**
 * The model as the bytes of one file.
 * @throws UserError where it would be over 2 GiB
 */
export function serializeModel(model: ModelProto): Uint8Array {
  if (!fitsInOneFile(model)) {
    throw new UserError("The model is over 2 GiB, too large for a single file.", { hint: "Save it with external data." });
  }
  return toBinary(ModelProtoSchema, model);
}

/**
 * Writes a model file whole or not at all. Where it would be too large, its initializers go to `<file>.data`.
 * @throws UserError where the disk is full, the folder is missing or may not be written to, and the like
 */
export async function saveModel(model: ModelProto, path: string, options: SaveOptions = {}): Promise<void> {
  const threshold = Math.min(options.externalDataThreshold ?? maxMessageBytes, maxMessageBytes);
  if (serializedSizeBound(model) <= threshold) return writeFileAtomic(path, toBinary(ModelProtoSchema, model));
  const { model: external, chunks } = layOutExternalData(model, `${basename(path)}.data`);
  const bytes = serializeModel(external);
  await writeFilesAtomic([
    { path: `${path}.data`, content: chunks },
    { path, content: bytes },
  ]);
}
