/** @file What a run's result depends on, as one number: where it is the same, the run need not be done again. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Config, RunConfig } from "../../config/schema.ts";
import { brecqVersion } from "../version.ts";

/** The part that all runs of a config share: the model's bytes, and names, sizes and times of the data's files. */
export async function configBasis(config: Config, folder: string): Promise<string> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify({ version: brecqVersion, input: config.input, calibration: config.calibration, evaluation: config.evaluation }));
  for await (const chunk of createReadStream(resolve(folder, config.model))) hash.update(chunk as Uint8Array);
  for (const path of dataPaths(config)) {
    for (const file of await filesBelow(resolve(folder, path))) {
      const { size, mtimeMs } = await stat(file);
      hash.update(`${file}\0${size}\0${mtimeMs}\0`);
    }
  }
  return hash.digest("hex");
}

export function runBasis(shared: string, settings: RunConfig): string {
  return createHash("sha256").update(shared).update(JSON.stringify(settings)).digest("hex");
}

function dataPaths({ calibration, evaluation }: Config): string[] {
  const learnt = calibration && ("images" in calibration ? [calibration.images] : "arrays" in calibration ? [calibration.arrays] : []);
  return [...(learnt ?? []), ...(evaluation ? [evaluation.images] : [])];
}

/** How many samples the config's calibration gives at most. */
export async function calibrationImages({ calibration }: Config, folder: string): Promise<number> {
  if (!calibration) return 0;
  if ("distill" in calibration) return calibration.distill.count;
  if ("arrays" in calibration) return calibration.count;
  const images = (await filesBelow(resolve(folder, calibration.images))).filter((file) => /\.(jpe?g|png|webp)$/i.test(file));
  return Math.min(calibration.count, images.length);
}

/** All files of a folder, sorted; a file itself; nothing where there is none, which the run will tell. */
async function filesBelow(path: string): Promise<string[]> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) return [];
  if (!stats.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
