import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { sharedModelPath, sharedModels } from "../../test/support/sharedModels.ts";
import { runSchema } from "../config/schema.ts";
import { outputDifference } from "../engine/export/outputDifference.ts";
import { readWeights } from "../engine/export/readQuantization.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { floatTensor } from "../engine/onnx/tensor.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { exportResult } from "./exportResult.ts";
import { quantizeRun } from "./quantizeRun.ts";

vi.setConfig({ testTimeout: 60_000 });
const runtime = await createRuntime({ threads: 2 });
const name = "mobilenet_v1_025_224.onnx";

describe.skipIf(!sharedModels.includes(name))("a DFQ run", () => {
  it("needs no data, is verified, and can be written in another format", async () => {
    const folder = temporaryFolder();
    const output = join(folder, "model.onnx");
    const run = runSchema.parse({ weights: 4, method: "dfq", export: "native" });
    const options = { runtime, model: sharedModelPath(name), config: {}, folder, runName: "dfq", cacheBytes: 2 ** 20, report: () => {} };
    const result = await quantizeRun({ ...options, run, output });
    expect(result.warnings).toEqual([]);
    for (const { loads, maxDifference } of result.verification) if (loads) expect(maxDifference).toBeLessThan(1e-4);
    writeFileSync(join(folder, "result.json"), JSON.stringify(result));

    const portable = join(folder, "portable.onnx");
    const exported = await exportResult({ runtime, result: join(folder, "result.json"), format: "portable", output: portable });
    expect(exported.verification.every(({ loads }) => loads)).toBe(true);
    expect(readWeights(await loadModel(portable), portable)).toEqual(readWeights(await loadModel(output), output));
    // Both files compute the same: the changed biases and bounds came along.
    const image = floatTensor(
      Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.37)),
      [1, 3, 224, 224],
    );
    const outputs = await Promise.all(
      [output, portable].map(async (path) => {
        const session = await runtime.openSession(path, { optimization: "basic" });
        const results = await session.run({ [session.inputNames[0]!]: image });
        await session.release();
        return results;
      }),
    );
    expect(outputDifference(outputs[0]!, outputs[1]!)).toBeLessThan(1e-5);
  });
});
