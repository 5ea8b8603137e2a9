/** @file Writing a finished run's network in another format. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ZodError, z } from "zod";
import { type RunResult, resultSchema, type Verification } from "../config/result.ts";
import { restoreDfq } from "../engine/baselines/dfq/dfq.ts";
import { errorMessage, UserError } from "../engine/errors.ts";
import { exportModel } from "../engine/export/exportModel.ts";
import type { ExportFormat } from "../engine/export/integerTypes.ts";
import { outputDifference } from "../engine/export/outputDifference.ts";
import { readActivations, readWeights } from "../engine/export/readQuantization.ts";
import { simulatedModel } from "../engine/export/simulate.ts";
import { verifyExport } from "../engine/export/verify.ts";
import { writeExport } from "../engine/export/write.ts";
import { Graph } from "../engine/graph/graph.ts";
import { type Network, prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { type FloatTensor, floatData, floatTensor, sizeOf } from "../engine/onnx/tensor.ts";
import type { ActivationQuantization } from "../engine/quantizers/activationQuantization.ts";
import { dequantize, type WeightQuantization } from "../engine/quantizers/weightQuantization.ts";
import { restoreBalanced } from "../engine/reconstruction/balancedNetwork.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { fixedBatchOf, primaryInput } from "./data.ts";
import { brecqVersion } from "./version.ts";

export interface ExportedFile {
  output: string;
  format: ExportFormat;
  bytes: number;
  verification: Verification[];
}

/** Reads a `result.json`. */
export async function readResult(file: string): Promise<RunResult> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The result ${file} can't be read (${error.code}).`, { hint: "Results lie in CONFIG.results/RUN/result.json." });
  });
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof ZodError ? z.prettifyError(error) : errorMessage(error);
    throw new UserError(`${file} is not the result of a run: ${reason.split("\n")[0]}`, { hint: "Name a result.json." });
  }
}

/**
 * Writes the network of a result in `format`, and verifies the file.
 * @throws UserError where the result's files are gone, are not those of the run, or would be overwritten
 */
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
  const quantized = locate(file, result.output);
  const source = resolve(result.model);
  requireOtherFile(output, [quantized, source]);
  const exported = await loadModel(quantized);
  const [weights, activations] = [readWeights(exported, quantized), readActivations(exported, quantized)];
  const original = await prepareNetwork(await loadModel(source), runtime);
  // DFQ changes biases, and weights before they are rounded: those that stay floats come from the exported file.
  const network =
    result.config.method === "dfq"
      ? await restoreDfq(original, runtime, new Graph(exported))
      : await restoreBalanced(original, runtime, new Graph(exported), activations);
  requireSameNetwork(network.graph, new Graph(exported), { weights, activations }, source);
  const metadata = { version: brecqVersion, run: result.run };
  const model = exportModel({ graph: network.graph, source: network.source, weights, activations, format, metadata });
  const bytes = await writeExport(model, output);
  const simulated = simulatedModel(network.graph, weights, activations);
  const verification = await verifyExport({ runtime, path: output, simulated, feeds: anyFeeds(network) });
  return { output, format, bytes, verification };
}

/** The run's file beside its result, where the folder was moved, or else where the run wrote it. */
function locate(resultFile: string, path: string): string {
  const beside = join(dirname(resultFile), basename(path));
  return existsSync(beside) ? beside : resolve(path);
}

function requireOtherFile(output: string, read: readonly string[]): void {
  if (!read.some((path) => resolve(path) === resolve(output))) return;
  throw new UserError("The output would overwrite a file that the export reads.", { hint: "Choose another name.", place: { file: output } });
}

/** Constants prepared on another processor may differ in their last bits. */
const constantTolerance = 1e-5;

/** @throws UserError where the model is not the one that was quantized: the weights would not go with its own, or with its other constants */
function requireSameNetwork(
  graph: Graph,
  exported: Graph,
  { weights, activations }: { weights: readonly WeightQuantization[]; activations: readonly ActivationQuantization[] },
  file: string,
): void {
  const trained = new Set(weights.map(({ bias }) => bias?.name));
  const differs = (name: string) => {
    if (trained.has(name)) return false;
    const [own, other] = [graph.constant(name), exported.constant(name)];
    return own !== undefined && other !== undefined && outputDifference({ name: own }, { name: other }) > constantTolerance;
  };
  const changed =
    weights.find(({ weight, dims }) => graph.initializers.get(weight)?.dims.map(Number).join() !== dims.join())?.layer ??
    weights.find((weight) => weight.bias && isFarFrom(weight, floatData(graph.constant(weight.weight)!)))?.layer ??
    activations.find(({ readers }) => !readers.every((reader) => graph.producer(reader)))?.value ??
    [...exported.initializers.keys()].find(differs);
  if (changed === undefined) return;
  throw new UserError(`The model is not the one that was quantized: it has another "${changed}".`, {
    hint: "Restore the model that the result names, or do the run again.",
    place: { file },
  });
}

/** Whether the rounded weights are no nearer to these than zeros are: rounding is never so far off, and other training is. */
function isFarFrom(weight: WeightQuantization, original: Float32Array): boolean {
  const rounded = dequantize(weight);
  let [error, power] = [0, 0];
  for (const [i, value] of original.entries()) {
    error += (value - rounded[i]!) ** 2;
    power += value ** 2;
  }
  return error > power;
}

/** Any input will do to tell whether two forms of the same numbers agree. */
function anyFeeds(network: Network): Record<string, FloatTensor> {
  const { name } = primaryInput(network);
  const dims = network.shapes.shapeOf(name, fixedBatchOf(network.source) ?? network.shapes.fixedBatch ?? 1);
  return {
    [name]: floatTensor(
      Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 0.37)),
      dims,
    ),
  };
}
