import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { sharedModelPath, sharedModels } from "../../test/support/sharedModels.ts";
import { inputSchema, runSchema } from "../config/schema.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { quantizeModel } from "./quantizeModel.ts";

/** All networks of ../shared go through bench/allModels.mjs; here are those that take seconds. */
const networks = [
  ["mnist-8.onnx", "cifar10/calibration", { resize: [28, 28], scale: 1, channels: "gray" }],
  ["mlperf_tiny_resnet8_cifar10.onnx", "cifar10/calibration", { scale: 1 }],
  ["cifar10_resnet20_bn.onnx", "cifar10/calibration", { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }],
] as const;
const runs = { w4: { weights: 4, steps: 2 }, w8a8: { weights: 8, activations: 8, method: "nearest" } } as const;
const runtime = await createRuntime({ threads: 2 });
const data = join(sharedModelPath(""), "../data");

it.skipIf(!existsSync(data)).each(networks.flatMap((network) => (["w4", "w8a8"] as const).map((run) => [...network, run] as const)))(
  "quantizes %s on %s (%o) at %s (needs ../shared)",
  async (model, images, input, runName) => {
    expect(sharedModels).toContain(model);
    const { metrics, layers, verification } = await quantizeModel(
      {
        runtime,
        settings: { provider: "cpu", threads: 2, backend: "auto" },
        model: sharedModelPath(model),
        run: runSchema.parse(runs[runName]),
        runName,
        input: inputSchema.parse(input),
        calibration: { images: join(data, images), count: 4 },
        evaluation: undefined,
        output: join(temporaryFolder({}), "out.onnx"),
      },
      { report: () => undefined, signal: new AbortController().signal },
    );
    expect(layers.length).toBeGreaterThan(0);
    expect(verification.some(({ loads }) => loads)).toBe(true);
    expect(metrics.sqnr).toBeGreaterThan(runName === "w8a8" ? 15 : 5);
  },
);
