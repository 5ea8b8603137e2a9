import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Folder of the network and its images: the bundled sample, or the one beside the repository that it is made of. */
function sampleFiles(): { model: string; calibration: string; evaluation: string } {
  const samples = resolve("samples");
  const bundled = readdirSync(samples, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".onnx"));
  if (bundled) {
    const folder = join(samples, bundled, "..");
    return { model: join(samples, bundled), calibration: join(folder, "calibration"), evaluation: join(folder, "evaluation") };
  }
  const shared = resolve("../shared");
  if (!existsSync(shared)) throw new Error("There is neither a sample in samples/ nor ../shared: these tests have no network to quantize.");
  const images = join(shared, "data/cifar10");
  return { model: join(shared, "models/cifar10_resnet20.onnx"), calibration: join(images, "calibration"), evaluation: join(images, "evaluation") };
}

/** A workspace with `network.onnx`, some images, a broken model and a config with errors. */
export function makeWorkspace(): string {
  const folder = mkdtempSync(join(tmpdir(), "brecq-e2e-"));
  const { model, calibration, evaluation } = sampleFiles();
  cpSync(model, join(folder, "network.onnx"));
  copyImages(calibration, join(folder, "calibration"), 64);
  copyImages(evaluation, join(folder, "evaluation"), 100);
  writeFileSync(join(folder, "broken.onnx"), "broken: this is a text and no network");
  writeFileSync(join(folder, "errors.brecq.json"), errors);
  return folder;
}

/** The config that the runs of the tests are in: small, so that a run takes seconds; "slow" takes minutes. */
export const testConfig = `{
  // A small network with few images, so that a run takes seconds.
  "model": "network.onnx",
  "input": { "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] },
  "calibration": { "images": "calibration", "count": 64 },
  "evaluation": { "images": "evaluation", "labels": "folders", "count": 100 },
  "runs": {
    "w4": { "weights": 4, "steps": 60 },
    "w2": { "weights": 2, "steps": 60 },
    "slow": { "weights": 3, "steps": 1000 }
  }
}
`;

const errors = `{
  "model": "network.onnx",
  "calibration": { "images": "calibrations" },
  "runs": {
    "w1": { "weights": 1 },
    "mixed": { "search": { "limit": { "size": "1 kB" } } },
    "typo": { "method": "breq" }
  }
}
`;

/** Takes images evenly over all folders, so that each class has some. */
export function copyImages(from: string, to: string, count: number): void {
  const files = readdirSync(from, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(jpe?g|png)$/i.test(name) && statSync(join(from, name)).isFile())
    .sort();
  for (let index = 0; index < count; index++) {
    const name = files[Math.floor((index * files.length) / count)]!;
    mkdirSync(join(to, name, ".."), { recursive: true });
    cpSync(join(from, name), join(to, name));
  }
}

export function removeWorkspace(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
