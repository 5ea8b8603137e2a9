/** @file A sweep on the bundled images, for benches: a folder with the models and the data as links, and the file. */
import { symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * @param folder an empty folder, where the sweep goes
 * @param images how many images there are to learn from, and how many to measure on
 * @param sweep the sweep, whose models are names of files in ../shared/models
 * @returns the sweep's file
 */
export function writeCifarSweep(folder, images, sweep) {
  for (const file of Object.values(sweep.models)) symlinkSync(path.join(root, "../shared/models", file), path.join(folder, file));
  for (const data of ["calibration", "evaluation"]) symlinkSync(path.join(root, "samples/cifar10-resnet20", data), path.join(folder, data));
  const content = {
    input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    calibration: { images: "calibration", count: images },
    evaluation: { images: "evaluation", count: images },
    sweep,
  };
  const file = path.join(folder, "sweep.brecq.json");
  writeFileSync(file, JSON.stringify(content));
  return file;
}
