/** @file Quantizing a model without a config file. */
import type { RunResult } from "../config/result.ts";
import type { CalibrationConfig, EvaluationConfig, InputConfig, RunConfig } from "../config/schema.ts";
import { UserError } from "../engine/errors.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import type { RuntimeSettings } from "../protocol/worker.ts";
import { defaultCacheBytes, type JobContext } from "./jobs.ts";
import { quantizeRun } from "./quantizeRun.ts";

export interface ModelQuantization {
  readonly runtime: Runtime;
  readonly settings: RuntimeSettings;
  readonly model: string;
  readonly run: RunConfig;
  readonly runName: string;
  /** Guessed from the model where undefined. */
  readonly input: InputConfig | undefined;
  readonly calibration: CalibrationConfig | undefined;
  readonly evaluation: EvaluationConfig | undefined;
  readonly output: string;
}

/** Quantizes a model with settings from the command line; all paths are absolute or relative to the working folder. */
export async function quantizeModel(options: ModelQuantization, { report, signal }: JobContext): Promise<RunResult> {
  const { runtime, settings, model, run, runName, input, calibration, evaluation, output } = options;
  if (run.method !== "nearest" && run.method !== "dfq" && !calibration) {
    throw new UserError("--calibration is missing.", {
      hint: "Name a folder of images like those that the network will see, or make some with --distill 1024.",
    });
  }
  return await quantizeRun({
    runtime,
    model,
    config: { input, calibration, evaluation },
    guessInput: input === undefined,
    folder: process.cwd(),
    runName,
    run,
    output,
    cacheBytes: settings.cacheBytes ?? defaultCacheBytes,
    report,
    signal,
  });
}
