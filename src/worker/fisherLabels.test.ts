import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { sampleFolder } from "../../test/support/commandLine.ts";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { calibrationSchema, evaluationSchema, runSchema } from "../config/schema.ts";
import type { Dataset } from "../engine/data/dataset.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { fisherLabels } from "./fisherLabels.ts";
import { quantizeRun } from "./quantizeRun.ts";

// Seconds on a free machine.
vi.setConfig({ testTimeout: 600_000 });
const runtime = await createRuntime({ threads: 1 });
const model = join(sampleFolder, "resnet20.onnx");

it("are places among the scores, and only where they fit", async () => {
  const network = await prepareNetwork(await loadModel(model), runtime);
  const data = (labels: number[] | undefined, rankedFolders?: number): Dataset => ({
    count: 2,
    dims: [1, 3, 32, 32],
    read: () => Promise.reject(new Error("not read")),
    labels: labels && Int32Array.from(labels),
    rankedFolders,
    names: [],
    warnings: [],
  });
  expect(fisherLabels(network, data([3, 9]), 0)).toEqual(Int32Array.of(3, 9));
  expect(fisherLabels(network, data([3, 8], 9), 1)).toEqual(Int32Array.of(4, 9));
  expect(fisherLabels(network, data([3, 9]), 1)).toBeUndefined();
  expect(fisherLabels(network, data([3, 4], 5), 0)).toBeUndefined();
  expect(fisherLabels(network, data(undefined), 0)).toBeUndefined();
});

it("decide what errors count in a run", async () => {
  const lossWith = async (labels: string) => {
    const folder = temporaryFolder();
    const { blocks } = await quantizeRun({
      runtime,
      model,
      config: {
        calibration: calibrationSchema.parse({ images: join(sampleFolder, "calibration"), count: 16 }),
        evaluation: evaluationSchema.parse({ images: join(sampleFolder, "evaluation"), labels, count: 2 }),
      },
      folder,
      runName: "fisher",
      run: runSchema.parse({ weights: 2, loss: "fisher", granularity: "net", steps: 1 }),
      output: join(folder, "model.onnx"),
      cacheBytes: 2 ** 28,
      report: () => {},
    });
    return blocks.map(({ loss }) => loss.before);
  };
  // Without labels, classes are drawn from what the network predicts.
  expect(await lossWith("folders")).not.toEqual(await lossWith("none"));
});
