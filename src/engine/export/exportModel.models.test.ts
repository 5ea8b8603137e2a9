import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { nearestWeights, rangeActivations } from "../../../test/support/exportCases.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { graphInputs, madeUpFeeds } from "../graph/graphInputs.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import type { FloatTensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";
import { fileBytes, weightBytes } from "./size.ts";
import { verifyExport } from "./verify.ts";
import { writeExport } from "./write.ts";

const runtime = await createRuntime({ threads: 2 });
const formats = ["portable", "native"] as const;
const resnet = "cifar10_resnet20.onnx";
const mobilenet = "mobilenet_v2_100_224_dequant.onnx";
const yolox = "yolox_nano.onnx";
const has = (name: string) => sharedModels.includes(name);

const folder = await mkdtemp(join(tmpdir(), "brecq-models-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function prepare(name: string): Promise<Network> {
  return prepareNetwork(await loadModel(sharedModelPath(name)), runtime);
}

/** Weights of `bits`, in the first and last layer of 8. */
function nearest({ graph, layers, firstLast }: Network, bits: number): WeightQuantization[] {
  return layers.map(({ name, weight, outputAxis }) =>
    nearestWeights(graph, { layer: name, weight, axis: outputAxis }, firstLast.has(name) ? 8 : bits),
  );
}

/** The inputs of all layers, of `bits`, of the first and last layer of 8. */
async function quantizedInputs({ graph, layers, firstLast }: Network, feeds: Record<string, FloatTensor>, bits: number) {
  const readers = new Map<string, string[]>();
  for (const { node } of layers) readers.set(node.input[0]!, [...(readers.get(node.input[0]!) ?? []), node.output[0]!]);
  const ends = new Set(layers.filter(({ name }) => firstLast.has(name)).map(({ node }) => node.input[0]!));
  const values = [...readers.keys()];
  const of = async (own: string[], count: number): Promise<ActivationQuantization[]> => {
    const found = await rangeActivations(runtime, { name: "", graph, layers: [], values: own, feeds }, count);
    return found.map((activation) => ({ ...activation, readers: readers.get(activation.value)! }));
  };
  const inner = values.filter((value) => !ends.has(value));
  return [...(await of([...ends], 8)), ...(await of(inner, bits))];
}

function feedsOf({ graph }: Network, batch: number): Record<string, FloatTensor> {
  return madeUpFeeds(graphInputs(graph), batch, 3) as Record<string, FloatTensor>;
}

describe("weights alone", () => {
  test.skipIf(!has(resnet))("ResNet-20 with 4 bits is under 20 % of FP32, and holds at every level", async () => {
    const network = await prepare(resnet);
    const weights = nearest(network, 4);
    const simulated = simulatedModel(network.graph, weights, []);
    const fp32 = await fileBytes(sharedModelPath(resnet));
    const bytes: Record<string, number> = {};
    for (const format of formats) {
      const path = join(folder, `resnet-${format}.onnx`);
      const model = exportModel({ graph: network.graph, source: network.source, weights, activations: [], format, metadata: { run: "w4" } });
      bytes[format] = await writeExport(model, path);
      const verification = await verifyExport({ runtime, path, simulated, feeds: feedsOf(network, 4) });
      expect(verification.map(({ level }) => level)).toEqual(["disabled", "basic", "extended", "all"]);
      for (const { loads, maxDifference, message } of verification) {
        expect(message).toBeUndefined();
        expect(loads).toBe(true);
        expect(maxDifference).toBeLessThan(1e-5);
      }
    }
    // The ends, of 8 bits, are within the 20 %.
    expect(bytes.native).toBeLessThan(0.2 * fp32);
    expect(bytes.portable).toBeLessThan(0.3 * fp32);
    const packed = weights.reduce((sum, weight) => sum + weightBytes(weight, "native"), 0);
    expect(bytes.native).toBeGreaterThan(packed);
    expect(bytes.native! - packed).toBeLessThan(30_000);
  });

  test.skipIf(!has(mobilenet))("MobileNetV2 with 2 and 4 bits holds at every level in both formats", async () => {
    const network = await prepare(mobilenet);
    const feeds = feedsOf(network, 1);
    const versions: Record<string, number> = {};
    for (const bits of [2, 4]) {
      const weights = nearest(network, bits);
      const simulated = simulatedModel(network.graph, weights, []);
      for (const format of formats) {
        const model = exportModel({ graph: network.graph, weights, activations: [], format });
        versions[`${bits} ${format}`] = Number(model.opsetImport.find(({ domain }) => domain === "")!.version);
        for (const { loads, maxDifference } of await verifyExport({ runtime, model, simulated, feeds })) {
          expect(loads).toBe(true);
          expect(maxDifference).toBeLessThan(1e-5);
        }
      }
    }
    expect(versions).toEqual({ "2 portable": 17, "2 native": 25, "4 portable": 17, "4 native": 21 });
  });
});

describe("weights and activations of few bits", () => {
  test.skipIf(!has(resnet))("ResNet-20 with 2 and 4 bits holds at every level in both formats", async () => {
    const network = await prepare(resnet);
    const feeds = feedsOf(network, 4);
    const weights = nearest(network, 2);
    const activations = await quantizedInputs(network, feeds, 4);
    const simulated = simulatedModel(network.graph, weights, activations);
    for (const format of formats) {
      const model = exportModel({ graph: network.graph, weights, activations, format });
      for (const { loads, maxDifference } of await verifyExport({ runtime, model, simulated, feeds })) {
        expect(loads).toBe(true);
        expect(maxDifference).toBeLessThan(1e-5);
      }
    }
  });

  // Values of 4 and of 8 bits with one shape: mixed types would corrupt memory here.
  test.skipIf(!has(yolox))("YOLOX-Nano in the native format runs", async () => {
    const network = await prepare(yolox);
    const feeds = feedsOf(network, 1);
    const weights = nearest(network, 4);
    const activations = await quantizedInputs(network, feeds, 4);
    const simulated = simulatedModel(network.graph, weights, activations);
    const model = exportModel({ graph: network.graph, weights, activations, format: "native" });
    for (const { loads, maxDifference } of await verifyExport({ runtime, model, simulated, feeds })) {
      expect(loads).toBe(true);
      expect(maxDifference).toBeLessThan(1e-5);
    }
  });
});
