/** @file The data that a config names, opened for a network's input. */

import { type Dataset, openCalibration, openEvaluation } from "../engine/data/dataset.ts";
import { UserError } from "../engine/errors.ts";
import type { Network } from "../engine/graph/prepare.ts";
import type { ModelProto, ValueInfoProto } from "../engine/onnx/onnx_pb.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { openDistilledData } from "./distilledData.ts";
import type { QuantizeRunOptions } from "./quantizeRun.ts";

/** The input that data goes to. */
export function primaryInput(network: Network): ValueInfoProto {
  const [input, ...others] = network.graph.inputs;
  if (!input) throw new UserError("The model has no input.");
  if (others.length > 0) {
    throw new UserError(
      `The model has ${others.length + 1} inputs (${network.graph.inputs.map(({ name }) => name).join(", ")}), and data can be given for one only.`,
      {
        hint: "Make the others constants in the exported model.",
      },
    );
  }
  return input;
}

/** The number of samples that a model's own interface takes at once; undefined where it is free. */
export function fixedBatchOf(model: ModelProto): number | undefined {
  const constants = new Set(model.graph?.initializer.map(({ name }) => name));
  const type = model.graph?.input.find(({ name }) => !constants.has(name))?.type?.value;
  const batch = type?.case === "tensorType" ? type.value.shape?.dim[0]?.value : undefined;
  return batch?.case === "dimValue" && batch.value > 0n ? Number(batch.value) : undefined;
}

type DataOptions = Pick<QuantizeRunOptions, "config" | "folder" | "run" | "report" | "signal">;

interface CalibrationDataOptions extends DataOptions {
  readonly runtime: Runtime;
  /** Where distilled images are kept. */
  readonly dataFolder: string;
}

/** The calibration set; undefined where the config names none, or the run needs none. */
export async function openCalibrationData(options: CalibrationDataOptions, network: Network): Promise<Dataset | undefined> {
  const { config, folder, run, report, signal } = options;
  if (!config.calibration) return undefined;
  if ("distill" in config.calibration) {
    const { dataset } = await openDistilledData({ ...options, network, settings: config.calibration.distill, input: config.input });
    return dataset;
  }
  report({ type: "phase", phase: "calibration", message: "Reading calibration data" });
  const inputDims = network.shapes.shapeOf(primaryInput(network).name, 1);
  return await openCalibration({
    calibration: config.calibration,
    input: config.input,
    inputDims,
    folder,
    seed: run.seed,
    classes: run.loss === "fisher" ? config.evaluation : undefined,
    signal,
    onProgress: count(report, "Reading images"),
  });
}

/** The evaluation set; undefined where the config names none. */
export async function openEvaluationData({ config, folder, report, signal }: DataOptions, network: Network): Promise<Dataset | undefined> {
  if (!config.evaluation) return undefined;
  const inputDims = network.shapes.shapeOf(primaryInput(network).name, 1);
  return await openEvaluation({
    evaluation: config.evaluation,
    input: config.input,
    inputDims,
    folder,
    signal,
    onProgress: count(report, "Reading images"),
  });
}

function count(report: DataOptions["report"], label: string) {
  return (done: number, total: number) => report({ type: "count", label, done, total });
}
