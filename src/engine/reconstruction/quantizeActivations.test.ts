import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runSchema } from "../../config/schema.ts";
import { openCalibration } from "../data/dataset.ts";
import { exportModel } from "../export/exportModel.ts";
import { simulatedModel } from "../export/simulate.ts";
import { verifyExport } from "../export/verify.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { planActivations } from "../quantizers/activationPlan.ts";
import { planBits } from "../quantizers/bitPlan.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CacheStore } from "./activationCache.ts";
import { FolderCheckpoint } from "./checkpoint.ts";
import { type QuantizedWeights, quantizeByReconstruction } from "./quantizeNetwork.ts";
import { chooseScaleSchedule, shortSchedule } from "./schedule.ts";

const sample = new URL("../../../samples/cifar10-resnet20/", import.meta.url).pathname;
const samples = 32;
// Seconds on a free machine; training takes its time where others work too.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let runtime: Runtime;
let network: Network;
let images: Float32Array;
let folder: string;

beforeAll(async () => {
  runtime = await createRuntime({ threads: 2 });
  network = await prepareNetwork(await loadModel(join(sample, "resnet20.onnx")), runtime);
  const input = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channels: "RGB" as const };
  const calibration = { images: "calibration", count: samples };
  images = await (await openCalibration({ calibration, input, inputDims: [1, 3, 32, 32], folder: sample, seed: 1 })).read(0, samples);
  folder = mkdtempSync(join(tmpdir(), "brecq-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Three bits for the activations of the last stage, so that a test takes a second or two; nothing else is quantized. */
async function quantize(joint: boolean, steps: number, checkpoint?: FolderCheckpoint): Promise<QuantizedWeights> {
  const others = network.layers.filter(({ name }) => !name.startsWith("layer3"));
  const layers = Object.fromEntries(others.map(({ name }) => [name, { weights: "fp32", activations: "fp32" }]));
  const run = runSchema.parse({ weights: 4, activations: 3, quantizeAlso: ["adds"], layers });
  const bits = planBits(network, run);
  const planned = planActivations(network, bits, run).filter(({ readers }) => readers.every((reader) => /layer3/.test(reader)));
  const store = new CacheStore(1e9, folder);
  const cache = store.create(samples, [1, 3, 32, 32]);
  cache.write(0, images);
  return await quantizeByReconstruction(
    { runtime, network, bits, report: () => {} },
    {
      granularity: "block",
      seed: 1,
      schedule: (of, size) => shortSchedule(of.length > 0 ? steps : 0, size),
      inputs: new Map([[network.graph.inputs[0]!.name, cache]]),
      samples,
      store,
      checkpoint,
      activations: { planned, joint, schedule: chooseScaleSchedule(4 * steps, [3], joint) },
    },
  );
}

const essence = ({ weights, activations }: QuantizedWeights) => [weights.map(({ values }) => Buffer.from(values).toString("base64")), activations];

describe.each([
  ["after the rounding", false],
  ["jointly with dropped quantization", true],
])("step sizes %s", (_, joint) => {
  it("lower the loss of blocks, and differ from the searched ones", async () => {
    const { blocks, activations } = await quantize(joint, 20);
    const searched = await quantize(joint, 0);
    expect(activations.length).toBeGreaterThan(6);
    const behindRelu = activations.filter(({ value }) => network.graph.producer(value)!.opType === "Relu");
    expect(behindRelu.length).toBeGreaterThan(3);
    for (const { zeroPoint } of behindRelu) expect(zeroPoint).toBe(0);
    expect(activations.map(({ scale }) => scale)).not.toEqual(searched.activations.map(({ scale }) => scale));
    for (const { loss } of blocks) expect(loss.after).toBeLessThan(loss.before);
  });

  it("are the same for a seed, also where a run was taken up again", async () => {
    const place = join(folder, `checkpoint-${joint}`);
    const whole = await quantize(joint, 3, await FolderCheckpoint.open(place, "same", true));
    rmSync(join(place, `block-${network.blocks.length - 2}.bin`), { force: true });
    expect(essence(await quantize(joint, 3, await FolderCheckpoint.open(place, "same", false)))).toEqual(essence(whole));
    expect(essence(await quantize(joint, 3))).toEqual(essence(whole));
  });
});

it("exports what was simulated, tensor by tensor", async () => {
  const { weights, activations } = await quantize(false, 0);
  const exported = exportModel({ graph: network.graph, weights, activations, format: "portable" });
  const simulated = simulatedModel(network.graph, weights, activations);
  const feeds = { [network.graph.inputs[0]!.name]: floatTensor(images.slice(0, 4 * 3 * 32 * 32), [4, 3, 32, 32]) };
  const levels = await verifyExport({ runtime, model: exported, simulated, feeds });
  expect(levels[0]).toMatchObject({ level: "disabled", loads: true, maxDifference: 0 });
  for (const { loads } of levels) expect(loads).toBe(true);
});
