/** @file Making a config's calibration images by themselves, and showing them as pictures. */
import { dirname, join, resolve } from "node:path";
import sharp from "sharp";
import { resultsFolder } from "../config/resultPaths.ts";
import { distillSchema } from "../config/schema.ts";
import { pixelsOf } from "../engine/data/pixels.ts";
import { planPreprocessing } from "../engine/data/preprocess.ts";
import { writeFileAtomic } from "../engine/files.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { primaryInput } from "./data.ts";
import { openDistilledData } from "./distilledData.ts";
import { makeFolder } from "./folders.ts";
import type { JobContext } from "./jobs.ts";
import { readConfig } from "./readConfig.ts";

export interface ConfiguredDistillation {
  readonly runtime: Runtime;
  readonly configFile: string;
  /** How many of the images to write as pictures, and where; none where undefined. */
  readonly pictures: { readonly folder: string; readonly count: number } | undefined;
}

/**
 * Makes the images that a config's runs will learn from (with `"distill"` as its calibration, or else with the defaults),
 * or takes those made before. Gives their file and the pictures written.
 */
export async function distillConfigured(
  { runtime, configFile, pictures }: ConfiguredDistillation,
  { report, signal }: JobContext,
): Promise<{ file: string; count: number; pictures: string[] }> {
  const config = await readConfig(configFile);
  const { calibration } = config;
  const settings = calibration && "distill" in calibration ? calibration.distill : distillSchema.parse({});
  const network = await prepareNetwork(await loadModel(resolve(dirname(configFile), config.model)), runtime);
  const { input } = config;
  const { dataset, file } = await openDistilledData({ runtime, network, settings, input, dataFolder: resultsFolder(configFile), report, signal });
  const written: string[] = [];
  if (pictures) {
    const plan = planPreprocessing(input, network.shapes.shapeOf(primaryInput(network).name, 1));
    await makeFolder(pictures.folder);
    for (let i = 0; i < Math.min(pictures.count, dataset.count); i++) {
      const { data, channels } = pixelsOf(plan, await dataset.read(i, 1));
      const path = join(pictures.folder, `${String(i).padStart(4, "0")}.png`);
      const png = await sharp(data, { raw: { width: plan.width, height: plan.height, channels } })
        .png()
        .toBuffer();
      await writeFileAtomic(path, png);
      written.push(path);
    }
  }
  return { file, count: dataset.count, pictures: written };
}
