/** @file Writing an exported model to its place. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError } from "../files.ts";
import { type SaveOptions, saveModel } from "../onnx/modelFile.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { fileBytes } from "./size.ts";

/**
 * Writes a model whole or not at all, makes its folder where it is missing, and gives the bytes written.
 * @throws UserError where the disk is full, may not be written to, and the like
 */
export async function writeExport(model: ModelProto, path: string, options?: SaveOptions): Promise<number> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, "write", folder);
  });
  await saveModel(model, path, options);
  return await fileBytes(path);
}
