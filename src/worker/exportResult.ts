/** @file Writing a finished run's network in another format. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type RunResult, resultSchema, type Verification } from "../config/result.ts";
import { errorMessage, UserError } from "../engine/errors.ts";
import { exportModel } from "../engine/export/exportModel.ts";
import type { ExportFormat } from "../engine/export/integerTypes.ts";
import { readWeights } from "../engine/export/readQuantization.ts";
import { simulatedModel } from "../engine/export/simulate.ts";
import { fileBytes } from "../engine/export/size.ts";
import { verifyExport } from "../engine/export/verify.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel, saveModel } from "../engine/onnx/modelFile.ts";
import { floatTensor, sizeOf } from "../engine/onnx/tensor.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { primaryInput } from "./data.ts";
import { brecqVersion } from "./version.ts";

export interface ExportedFile {
  output: string;
  format: ExportFormat;
  bytes: number;
  verification: Verification[];
}

/** Reads a `result.json`. Relative paths in it are relative to the working folder of the run; files beside it win. */
export async function readResult(file: string): Promise<RunResult> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The result ${file} can't be read (${error.code}).`, { hint: "Results lie in CONFIG.results/RUN/result.json." });
  });
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(`${file} is not the result of a run: ${errorMessage(error).split("\n")[0]}`, { hint: "Name a result.json." });
  }
}

/** Writes the network of a result in `format`, and verifies the file. */
export async function exportResult({
  runtime,
  result: file,
  format,
  output,
}: {
  runtime: Runtime;
  result: string;
  format: ExportFormat;
  output: string;
}): Promise<ExportedFile> {
  const result = await readResult(file);
  const quantized = resolve(dirname(file), result.output);
  const weights = readWeights(await loadModel(quantized), quantized);
  const network = await prepareNetwork(await loadModel(result.model), runtime);
  await saveModel(
    exportModel({ graph: network.graph, weights, activations: [], format, metadata: { version: brecqVersion, run: result.run } }),
    output,
  );
  const input = primaryInput(network);
  const dims = network.shapes.shapeOf(input.name, network.shapes.fixedBatch ?? 1);
  // Any input will do to tell whether two forms of the same numbers agree.
  const values = Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 0.37));
  const verification = await verifyExport({
    runtime,
    path: output,
    simulated: simulatedModel(network.graph, weights, []),
    feeds: { [input.name]: floatTensor(values, dims) },
  });
  return { output, format, bytes: await fileBytes(output), verification };
}
