/** @file Sizes of model files and of the weights in them. */
import { readFile, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { quantizedBytes } from "../../config/weightSize.ts";
import { fileError } from "../files.ts";
import { parseModel } from "../onnx/modelFile.ts";
import { tensorsOf } from "../onnx/modelTensors.ts";
import { TensorProto_DataLocation } from "../onnx/onnx_pb.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import type { ExportFormat } from "./integerTypes.ts";

/**
 * Bytes of a model file, with the data files in its folder that it names.
 * @throws UserError where a file is missing or the model cannot be read
 */
export async function fileBytes(path: string): Promise<number> {
  const content = await readFile(path).catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
  let bytes = content.length;
  for (const file of dataFiles(content, path)) {
    const { size } = await stat(file).catch((error: unknown) => {
      throw fileError(error, "read", file);
    });
    bytes += size;
  }
  return bytes;
}

/** Paths of the data files; the names are untrusted, and those that lead out of the folder are left out. */
function dataFiles(content: Uint8Array, path: string): Set<string> {
  const files = new Set<string>();
  for (const tensor of tensorsOf(parseModel(content, path))) {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
    const location = tensor.externalData.find(({ key }) => key === "location")?.value ?? "";
    if (location === "" || isAbsolute(location) || location.split(/[/\\]/).includes("..")) continue;
    files.add(join(dirname(path), location));
  }
  return files;
}

/** Bytes that a layer's weights take in an exported file: packed integers, scales and zero points. */
export function weightBytes({ dims, axis, bits }: Pick<WeightQuantization, "dims" | "axis" | "bits">, format: ExportFormat): number {
  return quantizedBytes(sizeOf(dims), dims[axis]!, bits, format);
}
