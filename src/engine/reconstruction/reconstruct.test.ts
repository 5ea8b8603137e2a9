import { beforeAll, describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { createRandom } from "../data/random.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import type { WeightQuantizer } from "../quantizers/weightQuantizer.ts";
import { fitWeightQuantizer } from "../quantizers/weightQuantizer.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type ActivationCache, CacheStore } from "./activationCache.ts";
import { blockSize } from "./blockSize.ts";
import { reconstruct } from "./reconstruct.ts";
import { shortSchedule } from "./schedule.ts";
import { reconstructionUnits, type Unit } from "./segments.ts";

const model = new URL("../../../samples/cifar10-resnet20/resnet20.onnx", import.meta.url).pathname;
const samples = 32;
/** A call of one step, and another: how many a call takes depends on the time otherwise. */
const steps = 2;

let runtime: Runtime;
let network: Network;
let block: Unit;
let quantizers: WeightQuantizer[];
beforeAll(async () => {
  runtime = await createRuntime({ threads: 2 });
  network = await prepareNetwork(await loadModel(model), runtime);
  block = reconstructionUnits(network, "block").find(({ name }) => name === "layer3.1")!;
  const search = await ScaleSearch.create(runtime);
  quantizers = [];
  for (const layer of block.layers) quantizers.push(await fitWeightQuantizer(search, network.graph, layer, 2));
  await search.release();
});

const store = new CacheStore(1e9, "");

function cache(seed: number, value: string): ActivationCache {
  const dims = network.shapes.shapeOf(value, 1);
  const made = store.create(samples, dims);
  made.write(0, Float32Array.from(new TestRandom(seed).tensor([samples, ...dims.slice(1)], 0, 2).data));
  return made;
}

function midpoints(a: ActivationCache, b: ActivationCache, share: number): ActivationCache {
  const made = store.create(samples, a.dims);
  const [x, y] = [a.read(0, samples).data as Float32Array, b.read(0, samples).data as Float32Array];
  made.write(
    0,
    x.map((value, i) => value + share * (y[i]! - value)),
  );
  return made;
}

async function train(inputs: ActivationCache, fp32Inputs: ActivationCache, fp32Share: number): Promise<number[]> {
  const { curve } = await reconstruct({
    runtime,
    network,
    segment: block,
    quantizers,
    inputs: [inputs],
    fp32Inputs: [fp32Inputs],
    targets: [cache(3, block.outputs[0]!)],
    samples,
    schedule: { ...shortSchedule(steps, blockSize(network, block, quantizers, samples)), fp32Share },
    nearestLoss: 1,
    random: createRandom(1),
  });
  return curve.map(({ loss }) => loss);
}

describe("what a block is trained on", () => {
  it("lies between the quantized prefix's values and the FP32 network's, by FP32's share", async () => {
    const input = block.inputs[0]!;
    const [quantized, fp32] = [cache(1, input), cache(2, input)];
    const losses = await train(quantized, fp32, 0.25);
    const expected = await train(midpoints(quantized, fp32, 0.25), quantized, 0);
    expect(losses).toHaveLength(expected.length);
    for (const [i, loss] of losses.entries()) expect(loss / expected[i]!).toBeCloseTo(1, 3);
    const others = await train(quantized, fp32, 0);
    expect(Math.abs(others[0]! / expected[0]! - 1)).toBeGreaterThan(0.01);
  });
});
