import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { rankCorrelation } from "../../../test/support/rankCorrelation.ts";
import { predictLoss } from "../../config/predictLoss.ts";
import { inputSchema } from "../../config/schema.ts";
import type { Sensitivity } from "../../config/sensitivity.ts";
import { openCalibration } from "../data/dataset.ts";
import { createRandom, integerBelow } from "../data/random.ts";
import { CancelledError } from "../errors.ts";
import { prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { floatData, floatTensor, type Tensor } from "../onnx/tensor.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import { dequantize } from "../quantizers/weightQuantization.ts";
import { fitWeightQuantizer, nearestLevels, weightQuantization } from "../quantizers/weightQuantizer.ts";
import { CacheStore } from "../reconstruction/activationCache.ts";
import { segmentModel } from "../reconstruction/segment.ts";
import { boundary } from "../reconstruction/segments.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { ChangeStore } from "./changes.ts";
import { measureSensitivity, type SensitivityOptions } from "./measureSensitivity.ts";

const samples = 16;
/** With nearest rounding at 2 bits the outputs would be noise. */
const candidates = [4, 8];
const runtime = await createRuntime({ threads: 2 });
const network = await prepareNetwork(await loadModel("samples/cifar10-resnet20/resnet20.onnx"), runtime);
const input = network.graph.inputs[0]!.name;
const data = await openCalibration({
  calibration: { images: "samples/cifar10-resnet20/calibration", count: samples },
  input: inputSchema.parse({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
  inputDims: network.shapes.shapeOf(input, 1),
  folder: ".",
  seed: 1,
});
const images = await data.read(0, samples);

function memoryChanges(): ChangeStore {
  const kept = new Map<number, Float32Array[]>();
  return {
    load: async (layer) => kept.get(layer),
    save: async (layer, changes) => void kept.set(layer, [...changes]),
  };
}

function options(more: Partial<SensitivityOptions>): SensitivityOptions {
  const store = new CacheStore(2 ** 30, tmpdir());
  const cache = store.create(samples, data.dims);
  cache.write(0, images);
  return {
    runtime,
    network,
    model: "resnet20.onnx",
    fingerprint: "f",
    candidates,
    changes: memoryChanges(),
    steps: 0,
    seed: 1,
    inputs: new Map([[input, cache]]),
    samples,
    store,
    save: async () => {},
    report: () => {},
    ...more,
  };
}

/** Outputs of the network with some weights rounded to nearest. */
async function outputs(bits: ReadonlyMap<string, number>): Promise<Float32Array> {
  const search = await ScaleSearch.create(runtime);
  const constants = new Map<string, Tensor>();
  for (const layer of network.layers) {
    const count = bits.get(layer.name);
    if (count === undefined) continue;
    const quantizer = await fitWeightQuantizer(search, network.graph, layer, count);
    const weights = weightQuantization(quantizer, nearestLevels(quantizer));
    constants.set(layer.weight, floatTensor(dequantize(weights), weights.dims));
  }
  await search.release();
  const nodes = network.graph.nodes;
  const session = await runtime.createSession(segmentModel(network, { nodes, ...boundary(network, nodes) }, { constants }));
  const result = await session.run({ [input]: floatTensor(images, [samples, ...data.dims.slice(1)]) });
  // The runtime frees its outputs with the session.
  const output = floatData(Object.values(result)[0]!).slice();
  await session.release();
  return output;
}

const fp32 = await outputs(new Map());

/** Squared error relative to the outputs' power. */
async function trueLoss(bits: ReadonlyMap<string, number>): Promise<number> {
  const found = await outputs(bits);
  const sum = (f: (value: number, i: number) => number) => fp32.reduce((total, value, i) => total + f(value, i), 0);
  return sum((value, i) => (value - found[i]!) ** 2) / sum((value) => value ** 2);
}

const measured = await measureSensitivity(options({}));

describe("measureSensitivity", () => {
  it("gives every layer's loss at every number of bits, as the whole network shows it", async () => {
    expect(measured.layers.map(({ layer }) => layer)).toEqual(network.layers.map(({ name }) => name));
    for (const [layer, bits] of [
      ["conv1", 4],
      ["layer2.0.conv2", 8],
      ["linear", 4],
    ] as const) {
      const expected = await trueLoss(new Map([[layer, bits]]));
      expect(measured.layers.find((entry) => entry.layer === layer)!.losses[bits]! / expected).toBeCloseTo(1, 3);
    }
    for (const { losses } of measured.layers) expect(losses[4]).toBeGreaterThan(losses[8]!);
  });

  it("gives every pair in a block the rest of the loss of both: two quantized layers are predicted exactly", async () => {
    expect(measured.pairs).toHaveLength(9 * candidates.length ** 2);
    const bits = new Map([
      ["layer3.1.conv1", 4],
      ["layer3.1.conv2", 8],
    ]);
    expect(predictLoss(measured, bits) / (await trueLoss(bits))).toBeCloseTo(1, 3);
  });

  it("predicts the order of random assignments with nearest rounding (the full check is bench/sensitivity.ts)", async () => {
    const random = createRandom(3);
    const [predicted, truth]: [number[], number[]] = [[], []];
    for (let i = 0; i < 12; i++) {
      const bits = new Map(network.layers.map(({ name }) => [name, candidates[integerBelow(random, 2)]!]));
      predicted.push(predictLoss(measured, bits));
      truth.push(await trueLoss(bits));
    }
    expect(rankCorrelation(predicted, truth)).toBeGreaterThan(0.9);
  });

  it("goes on where it was cancelled, to the same figures", async () => {
    const abort = new AbortController();
    let saved: Sensitivity | undefined;
    const changes = memoryChanges();
    const cancelled = measureSensitivity(
      options({
        changes,
        signal: abort.signal,
        save: async (state) => {
          saved = structuredClone(state);
          if (state.layers.length === 4) abort.abort();
        },
      }),
    );
    await expect(cancelled).rejects.toBeInstanceOf(CancelledError);
    expect(saved).toMatchObject({ complete: false, fingerprint: "f" });
    expect(saved!.layers.length).toBeLessThan(6);
    const told = new Set<string>();
    const resumed = await measureSensitivity(
      options({
        changes,
        begun: saved,
        report: (event) => {
          if (event.type === "layer-sensitivity") told.add(event.layer);
        },
      }),
    );
    expect(told).not.toContain("conv1");
    expect(told).toContain("linear");
    expect(resumed).toEqual(measured);
  });
});
