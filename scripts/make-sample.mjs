/** @file Makes `samples/cifar10-resnet20` from the networks and images in ../shared: `node scripts/make-sample.mjs`. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const shared = path.join(root, "../shared");
const sample = path.join(root, "samples/cifar10-resnet20");
const calibrationImages = 1024;

copyImages("evaluation", Number.POSITIVE_INFINITY);
copyImages("calibration", calibrationImages);
copy(path.join(shared, "models/cifar10_resnet20.onnx"), path.join(sample, "resnet20.onnx"));
copy(path.join(shared, "models/cifar10_resnet20.LICENSE"), path.join(sample, "resnet20.LICENSE"));

/** The first images of every class, as many of each as go into `count`. */
function copyImages(set, count) {
  const from = path.join(shared, "data/cifar10", set);
  rmSync(path.join(sample, set), { recursive: true, force: true });
  const files = readdirSync(from).flatMap((folder) =>
    readdirSync(path.join(from, folder))
      .sort()
      .map((name, rank) => ({ folder, name, rank })),
  );
  files.sort((a, b) => a.rank - b.rank || (a.folder < b.folder ? -1 : 1));
  for (const { folder, name } of files.slice(0, count)) {
    mkdirSync(path.join(sample, set, folder), { recursive: true });
    copy(path.join(from, folder, name), path.join(sample, set, folder, name));
  }
}

/** Not cpSync: the originals are read-only, the copies are the user's. */
function copy(from, to) {
  rmSync(to, { force: true });
  writeFileSync(to, readFileSync(from));
}
