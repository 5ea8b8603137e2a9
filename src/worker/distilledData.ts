/** @file Calibration images made from the model's BatchNorm statistics: made once, then kept beside the results for every run. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { CalibrationConfig, InputConfig } from "../config/schema.ts";
import { openArrays } from "../engine/data/arrayDataset.ts";
import type { Dataset } from "../engine/data/dataset.ts";
import { distill } from "../engine/data/distill/distill.ts";
import { writeNpy } from "../engine/data/npy.ts";
import { writeFileAtomic } from "../engine/files.ts";
import type { Network } from "../engine/graph/prepare.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import type { ReportProgress } from "../protocol/progress.ts";
import { primaryInput } from "./data.ts";
import { updateWithModel } from "./fingerprint.ts";
import { makeFolder } from "./folders.ts";
import { RunLock } from "./runLock.ts";
import { brecqVersion } from "./version.ts";

export type DistillConfig = Extract<CalibrationConfig, { distill: unknown }>["distill"];

export interface DistilledDataOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly settings: DistillConfig;
  readonly input: InputConfig | undefined;
  /** Where the images are kept. */
  readonly dataFolder: string;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The distilled images of a model, from their file where that holds.
 * @throws UserError where the model has no BatchNormalization
 */
export async function openDistilledData(options: DistilledDataOptions): Promise<{ dataset: Dataset; file: string }> {
  const { network, settings, dataFolder, report } = options;
  const file = join(dataFolder, `distilled-${fingerprint(options).slice(0, 16)}.npy`);
  if (existsSync(file)) report({ type: "phase", phase: "calibration", message: `Calibration images made before: ${basename(file)}` });
  else await makeImages(options, file);
  const inputDims = network.shapes.shapeOf(primaryInput(network).name, 1);
  return { dataset: await openArrays(file, inputDims, settings.count, settings.seed), file };
}

/** Runs of one config share the images, so only one process makes them. */
async function makeImages({ runtime, network, settings, input, dataFolder, report, signal }: DistilledDataOptions, file: string): Promise<void> {
  await makeFolder(dataFolder);
  const lock = await RunLock.acquire(dataFolder, "The making of calibration images", { name: `${basename(file)}.lock` });
  try {
    report({ type: "phase", phase: "calibration", message: `Making ${settings.count} calibration images from BatchNorm statistics` });
    const { samples, loss } = await distill({ ...settings, runtime, model: network.source, input, report, signal });
    report({
      type: "phase",
      phase: "calibration",
      message: `Distance from the statistics: ${loss.before.toPrecision(3)} → ${loss.after.toPrecision(3)}`,
    });
    lock.requireHeld();
    await writeFileAtomic(file, writeNpy(samples));
  } finally {
    await lock.release();
  }
}

/** Of everything that the images depend on. */
function fingerprint({ network, settings, input }: DistilledDataOptions): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify({ settings, input, version: brecqVersion }));
  updateWithModel(hash, network.source);
  return hash.digest("hex");
}
