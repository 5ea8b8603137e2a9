import { describe, expect, it } from "vitest";
import { latencyPresets } from "../../config/latencyPresets.ts";
import { type LatencyTable, latencyTableSchema } from "../../config/latencyTable.ts";
import { prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { latencyModel } from "./latency.ts";
import { layerCosts } from "./layerCosts.ts";

const runtime = await createRuntime({ threads: 1 });
const network = await prepareNetwork(await loadModel("samples/cifar10-resnet20/resnet20.onnx"), runtime);
const layer = (name: string) => network.layers.find((candidate) => candidate.name === name)!;

const entry = (channels: number, size: number, weights: number, ms: number) => ({
  op: "Conv" as const,
  shape: [channels, channels, 3, 3],
  output: [channels, size, size],
  group: 1,
  weights,
  activations: 8,
  ms,
});

function table(entries: LatencyTable["entries"], roofline?: LatencyTable["roofline"]): LatencyTable {
  return latencyTableSchema.parse({ name: "test", entries, roofline });
}

describe("latencyModel", () => {
  it("takes a layer's own entry, and between measured bits the proportion", () => {
    const latency = latencyModel(network, table([entry(16, 32, 4, 1), entry(16, 32, 8, 3)]));
    const conv = layer("layer1.0.conv1");
    expect([2, 4, 6, 8].map((bits) => latency(conv, bits, 8))).toEqual([1, 1, 2, 3]);
    expect(latency(conv, "fp32", 8)).toBe(3);
  });

  it("puts a layer without entries between those of its kind by its multiply-accumulates", () => {
    // 16 channels at 32 x 32: 2359296. layer3 has as many at 64 channels, 8 x 8: the same latency.
    const one = latencyModel(network, table([entry(16, 32, 8, 3)]));
    expect(one(layer("layer3.1.conv1"), 8, 8)).toBeCloseTo(3, 12);
    // layer2.0.conv1, 16 to 32 channels with stride 2: half of them.
    expect(one(layer("layer2.0.conv1"), 8, 8)).toBeCloseTo(1.5, 12);
    const two = latencyModel(network, table([entry(16, 32, 8, 3), entry(16, 16, 8, 1)]));
    // A quarter takes 1, the whole 3: the half 1 + 2 / 3.
    expect(two(layer("layer2.0.conv1"), 8, 8)).toBeCloseTo(1 + 2 / 3, 12);
  });

  it("says which layer a table says nothing about, unless it has a roofline", () => {
    const linear = layer("linear");
    expect(() => latencyModel(network, table([entry(16, 32, 8, 3)]))(linear, 8, 8)).toThrow(/no matrix product like the layer "linear"/);
    const roofline = { bitOpsPerSecond: 1e9, bytesPerSecond: 1e6, overheadMs: 0.5 };
    // 640 weights of 4 bits, 64 inputs and 10 outputs of 8: 394 bytes at 1 MB/s; 640 · 32 bit-operations take 0.02 ms.
    expect(latencyModel(network, table([entry(16, 32, 8, 3)], roofline))(linear, 4, 8)).toBeCloseTo(0.394 + 0.5, 9);
    // 20,480,000 bit-operations of a faster memory's machine: computing takes longer.
    const slow = { bitOpsPerSecond: 1e6, bytesPerSecond: 1e9, overheadMs: 0 };
    expect(latencyModel(network, table([], slow))(linear, 4, 8)).toBeCloseTo(1000 * ((640 * 32) / 1e6), 9);
  });

  it("has presets that know every layer of the sample", () => {
    expect(Object.keys(latencyPresets)).toEqual(["roofline", "onnxruntime-int8"]);
    for (const preset of Object.values(latencyPresets)) {
      const latency = latencyModel(network, latencyTableSchema.parse(preset));
      const total = (bits: 8 | "fp32") => network.layers.reduce((sum, each) => sum + latency(each, bits, bits), 0);
      expect(network.layers.every((each) => latency(each, 8, 8) > 0)).toBe(true);
      expect(total(8)).toBeLessThan(total("fp32"));
    }
  });
});

describe("layerCosts", () => {
  it("counts packed weights, scales and zero points, and bit-operations", () => {
    const conv = layer("layer1.0.conv1");
    // 2304 weights, 16 channels: 576 B at 2 bits, 64 B of scales, 4 B of zero points.
    expect(layerCosts(conv, 2, 8)).toEqual({ size: 576 + 64 + 4, bops: 2304 * 1024 * 2 * 8 });
    expect(layerCosts(conv, 3, "fp32")).toEqual({ size: 1152 + 64 + 8, bops: 2304 * 1024 * 3 * 32 });
    expect(layerCosts(conv, "fp32", "fp32").size).toBe(4 * 2304);
  });
});
