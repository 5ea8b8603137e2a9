import { describe, expect, it, vi } from "vitest";
import { runSchema } from "../../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { createRandom } from "../data/random.ts";
import { exportModel } from "../export/exportModel.ts";
import { outputDifference } from "../export/outputDifference.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { floatData, floatTensor, sizeOf } from "../onnx/tensor.ts";
import { planActivations } from "../quantizers/activationPlan.ts";
import { planBits } from "../quantizers/bitPlan.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { CacheStore } from "./activationCache.ts";
import { balanceNetwork, findChannelFactors, restoreBalanced } from "./balancedNetwork.ts";
import { quantizeActivations, quantizeNearest } from "./quantizeNetwork.ts";
import { shortSchedule } from "./schedule.ts";
import { segmentModel } from "./segment.ts";

// Seconds on a free machine.
vi.setConfig({ testTimeout: 120_000 });
const runtime = await createRuntime({ threads: 1 });
const channels = 8;
const size = 6;
const count = 64;
const random = createRandom(3);
const noise = (dims: readonly number[], scale = 1) => Float32Array.from({ length: sizeOf(dims) }, () => scale * 2 * (random.next() - 0.5));
const run = runSchema.parse({ weights: 8, activations: 8 });

/** A convolution, x sigmoid(x), a filter for each channel of it, and a convolution; channel c of the first is `spread ** c` as wide as the first one's. */
async function network(spread: number, groups = channels): Promise<Network> {
  const b = new GraphBuilder("network/");
  const conv = (x: string, weights: Float32Array, dims: readonly number[], group = 1) => {
    const pad = (dims[2]! - 1) / 2;
    const inputs = [x, b.constant(floatTensor(weights, dims)), b.constant(floatTensor(noise([dims[0]!], 0.01)))];
    return b.op("Conv", inputs, { kernel_shape: dims.slice(2), pads: [pad, pad, pad, pad], group });
  };
  const first = noise([channels, 3, 1, 1]).map((value, i) => 40 * value * spread ** -Math.floor(i / 3));
  const made = conv(b.input("x", "float", ["batch", 3, size, size]), first, [channels, 3, 1, 1]);
  const active = b.op("Mul", [made, b.op("Sigmoid", [made])]);
  const inner = channels / groups;
  const filters = noise([channels, inner, 3, 3]).map((value, i) => value * spread ** Math.floor(i / (9 * inner)));
  const filtered = conv(active, filters, [channels, inner, 3, 3], groups);
  b.output(conv(filtered, noise([4, channels, 1, 1]), [4, channels, 1, 1]), "y", "float", ["batch", 4, size, size]);
  return await prepareNetwork(b.model({ opset: 17, irVersion: 8 }), runtime);
}

const samples = noise([count, 3, size, size]);
const data: Dataset = {
  count,
  dims: [1, 3, size, size],
  read: (start, some) => Promise.resolve(samples.slice(start * 3 * size * size, (start + some) * 3 * size * size)),
  names: [],
  warnings: [],
};

async function balanced(given: Network) {
  const planned = planActivations(given, planBits(given, run), run);
  const factors = await findChannelFactors({ runtime, network: given, planned, data });
  return { factors, network: await balanceNetwork(given, runtime, planned, factors) };
}

/** Outputs of a network, quantized where activations and weights are given. */
async function outputs({ graph }: Network, own: Network, quantization: Parameters<typeof segmentModel>[2] = {}) {
  const segment = { nodes: graph.nodes, inputs: ["x"], outputs: ["y"] };
  const session = await runtime.createSession(segmentModel(own, segment, quantization));
  const { y } = await session.run({ x: floatTensor(samples, [count, 3, size, size]) });
  await session.release();
  return { y: y! };
}

async function quantizedError(given: Network, reference: Network): Promise<number> {
  const bits = planBits(given, run);
  const setup = { runtime, network: given, bits, report: () => {} };
  const store = new CacheStore(1e9, "");
  const cache = store.create(count, data.dims);
  cache.write(0, samples);
  const plan = {
    granularity: "block" as const,
    seed: 1,
    schedule: () => shortSchedule(0, { layers: 1, positions: 1, samples: count }),
    inputs: new Map([["x", cache]]),
    samples: count,
    store,
    activations: { planned: planActivations(given, bits, run), joint: false, schedule: { steps: 0, rate: () => 0, relative: true } },
  };
  const { activations } = await quantizeActivations(setup, plan, await quantizeNearest(setup));
  const [fp32, made] = [await outputs(reference, reference), await outputs(given, given, { activations })];
  const expected = floatData(fp32.y);
  return floatData(made.y).reduce((sum, value, i) => sum + (value - expected[i]!) ** 2, 0) / expected.length;
}

describe("balanced channels", () => {
  it("compute the same, and cost far less when they are quantized", async () => {
    const plain = await network(3);
    const { factors, network: even } = await balanced(plain);
    expect(factors.size).toBe(1);
    expect(outputDifference(await outputs(plain, plain), await outputs(even, even))).toBeLessThan(1e-5);
    expect(even.layers.map(({ name }) => name)).toEqual(plain.layers.map(({ name }) => name));
    expect(await quantizedError(even, plain)).toBeLessThan((await quantizedError(plain, plain)) / 10);
  });

  it("are left alone where they are alike, or where filters read several of them", async () => {
    expect((await balanced(await network(1))).factors.size).toBe(0);
    expect((await balanced(await network(3, 4))).factors.size).toBe(0);
  });

  it("are found again in an exported file", async () => {
    const plain = await network(3);
    const { network: even } = await balanced(plain);
    const { value, readers } = planActivations(even, planBits(even, run), run).find((planned) => planned.value.includes("balanced"))!;
    const activations = [{ value, readers, bits: 8, scale: 0.1, zeroPoint: 3 }];
    const exported = new Graph(exportModel({ graph: even.graph, weights: [], activations, format: "portable" }));
    const restored = await restoreBalanced(plain, runtime, exported, activations);
    for (const [name] of even.graph.initializers) {
      expect(outputDifference({ name: restored.graph.constant(name)! }, { name: even.graph.constant(name)! })).toBeLessThan(1e-6);
    }
    expect(restored.graph.nodes.map(({ opType }) => opType)).toEqual(even.graph.nodes.map(({ opType }) => opType));
  });
});
