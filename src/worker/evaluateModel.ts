/** @file Measuring any model file on labelled images, alone or against its FP32 original. */
import type { Metrics } from "../config/result.ts";
import type { EvaluationConfig, InputConfig } from "../config/schema.ts";
import { inputSchema } from "../config/schema.ts";
import { openEvaluation } from "../engine/data/dataset.ts";
import { guessInput } from "../engine/data/guessInput.ts";
import { UserError } from "../engine/errors.ts";
import { evaluate } from "../engine/evaluation/evaluate.ts";
import { Graph } from "../engine/graph/graph.ts";
import { inputDimsOf } from "../engine/graph/graphInputs.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import type { OptimizationLevel, Runtime, Session } from "../engine/runtime/runtime.ts";
import { fixedBatchOf } from "./data.ts";
import type { JobContext } from "./jobs.ts";

const batchSize = 50;

export interface ModelEvaluation {
  readonly runtime: Runtime;
  readonly model: string;
  readonly reference: string | undefined;
  readonly evaluation: EvaluationConfig;
  /** Guessed from the model where undefined. */
  readonly input: InputConfig | undefined;
}

/** Measures `model`: accuracy where images carry labels, agreement and SQNR where there is a reference. */
export async function evaluateModel(
  { runtime, model, reference, evaluation, input }: ModelEvaluation,
  { report, signal }: JobContext,
): Promise<Metrics> {
  const proto = await loadModel(model);
  const graph = new Graph(proto);
  const [first, ...others] = graph.inputs;
  if (!first || others.length > 0) throw new UserError("Only models with one input can be measured.", { place: { file: model } });
  const inputDims = inputDimsOf(first);
  const preprocessing = input ?? inputSchema.parse(guessInput(inputDims, proto.producerName));
  if (!input)
    report({
      type: "phase",
      phase: "load",
      message: `Preprocessing guessed from the model: ${JSON.stringify(preprocessing)} (change it with --input)`,
    });
  const dataset = await openEvaluation({ evaluation, input: preprocessing, inputDims, folder: process.cwd(), signal });
  for (const message of dataset.warnings) report({ type: "warning", message });
  const quantized = await openAtAnyLevel(runtime, model);
  const fp32 = reference === undefined ? undefined : await openAtAnyLevel(runtime, reference);
  try {
    return await evaluate({
      reference: fp32,
      quantized,
      input: first.name,
      dataset,
      batch: fixedBatchOf(proto) ?? batchSize,
      outputs: evaluation,
      source: "evaluation",
      signal,
      onProgress: (done, total) => report({ type: "count", label: "Measuring", done, total }),
      onWarning: (message) => report({ type: "warning", message }),
    });
  } finally {
    await quantized.release();
    await fp32?.release();
  }
}

/** Opens a file at the highest optimization level at which it loads: native 2-bit files need a lower one. */
async function openAtAnyLevel(runtime: Runtime, path: string): Promise<Session> {
  const levels: OptimizationLevel[] = ["all", "basic"];
  for (const optimization of levels) {
    try {
      return await runtime.openSession(path, { optimization });
    } catch (error) {
      if (optimization === levels.at(-1)) throw error;
    }
  }
  throw new Error("internal: no optimization level");
}
