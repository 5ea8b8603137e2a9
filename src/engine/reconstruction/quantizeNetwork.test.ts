import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Granularity } from "../../config/schema.ts";
import type { Progress } from "../../protocol/progress.ts";
import { openCalibration } from "../data/dataset.ts";
import { CancelledError } from "../errors.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CacheStore, type CacheType } from "./activationCache.ts";
import { FolderCheckpoint } from "./checkpoint.ts";
import { type QuantizedWeights, quantizeByReconstruction, quantizeNearest } from "./quantizeNetwork.ts";
import { shortSchedule } from "./schedule.ts";
import { reconstructionUnits } from "./segments.ts";

const sample = new URL("../../../samples/cifar10-resnet20/", import.meta.url).pathname;
const samples = 48;
// Seconds on a free machine; training takes its time where others work too.
vi.setConfig({ testTimeout: 180_000 });

let runtime: Runtime;
let network: Network;
let images: Float32Array;
let folder: string;

beforeAll(async () => {
  runtime = await createRuntime({ threads: 2 });
  network = await prepareNetwork(await loadModel(join(sample, "resnet20.onnx")), runtime);
  const calibration = { images: "calibration", count: samples };
  const input = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channels: "RGB" as const };
  const dataset = await openCalibration({ calibration, input, inputDims: [1, 3, 32, 32], folder: sample, seed: 1 });
  images = await dataset.read(0, samples);
  folder = mkdtempSync(join(tmpdir(), "brecq-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Options {
  granularity?: Granularity;
  seed?: number;
  memoryBytes?: number;
  cacheType?: CacheType;
  steps?: number;
  checkpoint?: FolderCheckpoint;
  signal?: AbortSignal;
  report?: (event: Progress) => void;
}

/** Two bits, but only in the blocks of the last stage, so that a test takes a second. */
async function quantize({
  granularity = "block",
  seed = 1,
  memoryBytes = 1e9,
  cacheType = "float",
  steps = 6,
  checkpoint,
  signal,
  report = () => {},
}: Options): Promise<QuantizedWeights> {
  const bits = new Map(network.layers.map(({ name }) => [name, { weights: name.startsWith("layer3") ? 2 : 8, activations: "fp32" as const }]));
  const store = new CacheStore(memoryBytes, folder, cacheType);
  const cache = store.create(samples, [1, 3, 32, 32]);
  cache.write(0, images);
  return await quantizeByReconstruction(
    { runtime, network, bits, report, signal },
    {
      granularity,
      seed,
      schedule: (layerBits, size) => shortSchedule(Math.min(...layerBits) < 8 ? steps : 0, size),
      inputs: new Map([[network.graph.inputs[0]!.name, cache]]),
      samples,
      store,
      checkpoint,
    },
  );
}

const valuesOf = ({ weights }: QuantizedWeights) => weights.map(({ layer, values }) => [layer, Buffer.from(values).toString("base64")]);

describe("quantizeByReconstruction", () => {
  it("lowers the loss of every block", async () => {
    const { blocks } = await quantize({ steps: 40 });
    expect(blocks.map(({ name }) => name)).toEqual(["layer3.0", "layer3.1", "layer3.2"]);
    for (const { loss } of blocks) expect(loss.after).toBeLessThan(0.75 * loss.before);
  });

  it("is the same for a seed and another for another", async () => {
    const first = await quantize({ steps: 6 });
    expect(valuesOf(await quantize({ steps: 6 }))).toEqual(valuesOf(first));
    expect(valuesOf(await quantize({ steps: 6, seed: 2 }))).not.toEqual(valuesOf(first));
  });

  it("gives the same weights with its caches in files as in memory", async () => {
    expect(valuesOf(await quantize({ memoryBytes: 0 }))).toEqual(valuesOf(await quantize({})));
  });

  it("learns nearly the same from values in half precision, in memory as in files", async () => {
    const single = await quantize({ steps: 40 });
    const half = await quantize({ steps: 40, cacheType: "float16" });
    expect(valuesOf(half)).not.toEqual(valuesOf(single));
    half.blocks.forEach(({ loss }, i) => {
      expect(loss.before / single.blocks[i]!.loss.before).toBeCloseTo(1, 1);
      expect(loss.after / single.blocks[i]!.loss.after).toBeCloseTo(1, 0);
    });
    expect(valuesOf(await quantize({ steps: 40, cacheType: "float16", memoryBytes: 0 }))).toEqual(valuesOf(half));
  });

  it("trains layer by layer, each layer once", async () => {
    const { blocks, weights } = await quantize({ granularity: "layer" });
    expect(blocks.map(({ name }) => name)).toEqual([
      "layer3.0.conv1",
      "layer3.0.conv2",
      "layer3.1.conv1",
      "layer3.1.conv2",
      "layer3.2.conv1",
      "layer3.2.conv2",
    ]);
    expect(weights).toHaveLength(network.layers.length);
  });

  it("goes on after a cancellation to the weights of an uninterrupted run", async () => {
    const open = (fresh: boolean) => FolderCheckpoint.open(join(folder, "checkpoint"), "fingerprint", fresh);
    const abort = new AbortController();
    const cancelled = quantize({
      checkpoint: await open(true),
      signal: abort.signal,
      report: (event) => {
        if (event.type === "block-end") abort.abort();
      },
    });
    await expect(cancelled).rejects.toBeInstanceOf(CancelledError);
    const resumed: boolean[] = [];
    const report = (event: Progress) => {
      if (event.type === "block-end") resumed.push(event.resumed);
    };
    expect(valuesOf(await quantize({ checkpoint: await open(false), report }))).toEqual(valuesOf(await quantize({})));
    expect(resumed).toEqual([true, false, false]);
  });

  it("forgets checkpoints of other data or settings", async () => {
    const place = join(folder, "other");
    await (await FolderCheckpoint.open(place, "one", true)).save(0, {
      levels: [Uint8Array.of(1)],
      channels: [{ scale: Float32Array.of(0.1) }],
      scales: [],
      curve: [],
    });
    expect(await (await FolderCheckpoint.open(place, "one", false)).load(0)).toEqual({
      levels: [Uint8Array.of(1)],
      channels: [{ scale: Float32Array.of(0.1) }],
      scales: [],
      curve: [],
    });
    expect(await (await FolderCheckpoint.open(place, "two", false)).load(0)).toBeUndefined();
  });
});

describe("quantizeNearest", () => {
  it("leaves out layers that stay FP32", async () => {
    const bits = new Map(
      network.layers.map(({ name }) => [name, { weights: name === "conv1" ? ("fp32" as const) : 4, activations: "fp32" as const }]),
    );
    const { weights } = await quantizeNearest({ runtime, network, bits, report: () => {} });
    expect(weights).toHaveLength(network.layers.length - 1);
    expect(weights.every(({ values }) => values.every((value) => value < 16))).toBe(true);
  });
});

describe("reconstructionUnits", () => {
  it.each(["layer", "block"] as const)("covers every node once and in order, by %s", (granularity) => {
    const units = reconstructionUnits(network, granularity);
    const nodes = units.flatMap((unit) => unit.nodes);
    expect(new Set(nodes).size).toBe(nodes.length);
    expect(nodes.length).toBe(network.graph.nodes.length);
    const made = new Set(network.graph.inputs.map(({ name }) => name));
    for (const unit of units) {
      for (const input of unit.inputs) expect(made.has(input)).toBe(true);
      for (const output of unit.outputs) made.add(output);
    }
  });
});
