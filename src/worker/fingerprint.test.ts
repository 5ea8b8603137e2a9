import { describe, expect, it } from "vitest";
import { sampleFolder } from "../../test/support/commandLine.ts";
import { runSchema } from "../config/schema.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { CacheStore } from "../engine/reconstruction/activationCache.ts";
import { type RunBasis, runFingerprint } from "./fingerprint.ts";

async function basis(): Promise<RunBasis> {
  const samples = new CacheStore(1000, "").create(2, [1, 3]);
  samples.write(0, Float32Array.of(1, 2, 3, 4, 5, 6));
  return { model: await loadModel(`${sampleFolder}/resnet20.onnx`), run: runSchema.parse({ weights: 4 }), input: undefined, samples };
}

describe("runFingerprint", () => {
  it("is the same for the same content, and for another export format, which blocks do not depend on", async () => {
    const own = await basis();
    expect(runFingerprint(own)).toBe(runFingerprint(await basis()));
    expect(runFingerprint(own)).toBe(runFingerprint({ ...own, run: { ...own.run, export: "native" } }));
  });

  it("changes with a setting, a class, a pixel, a weight and the preprocessing", async () => {
    const own = await basis();
    const pixel = await basis();
    pixel.samples.write(1, Float32Array.of(4, 5, 7));
    const weight = await basis();
    const tensor = weight.model.graph!.initializer[0]!;
    tensor.rawData = tensor.rawData!.slice();
    tensor.rawData[0]! ^= 1;
    const others: RunBasis[] = [
      { ...own, run: { ...own.run, weights: 3 } },
      { ...own, run: { ...own.run, seed: 1 } },
      { ...own, labels: Int32Array.of(1, 0) },
      pixel,
      weight,
    ];
    expect(new Set([own, ...others].map(runFingerprint)).size).toBe(others.length + 1);
  });
});
