/**
 * @file Times this engine's training step for bench/pytorch_step.py, which starts it: reads lines "channels size steps"
 * on standard input and answers each with the milliseconds of one step (batch 32) of a basic residual block.
 */
import { createInterface } from "node:readline";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import { type Network, prepareNetwork } from "../src/engine/graph/prepare.ts";
import { floatTensor, int64Tensor, sizeOf } from "../src/engine/onnx/tensor.ts";
import { roundingProblem } from "../src/engine/quantizers/adaptiveRounding.ts";
import { unchangedChannels } from "../src/engine/quantizers/channelParameters.ts";
import { ScaleSearch } from "../src/engine/quantizers/scaleSearch.ts";
import { fitWeightQuantizer } from "../src/engine/quantizers/weightQuantizer.ts";
import { channelFeeds, factorColumns, feeds, trainingModel } from "../src/engine/reconstruction/trainingStep.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import type { Session } from "../src/engine/runtime/runtime.ts";

const cached = 128;
const batch = 32;
const runtime = await createRuntime({ threads: 2 });
let current: { key: string; session: Session; data: Record<string, ReturnType<typeof floatTensor>>; size: number } | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const [channels, size, steps] = line.split(" ").map(Number) as [number, number, number];
  const key = `${channels} ${size}`;
  if (current?.key !== key) {
    await current?.session.release();
    current = { key, ...(await prepare(channels, size)) };
  }
  console.log(String(await timeSteps(current, steps)));
}

function random(dims: readonly number[], scale = 1) {
  return floatTensor(
    Float32Array.from({ length: sizeOf(dims) }, () => (Math.random() - 0.5) * 2 * scale),
    dims,
  );
}

/** conv 1x1, then the block, then pooling and a classifier, so that the block is neither first nor last. */
async function blockNetwork(channels: number, size: number): Promise<Network> {
  const b = new GraphBuilder();
  const conv = (x: string, kernel: number) => {
    const weights = b.constant(random([channels, channels, kernel, kernel], Math.sqrt(3 / (channels * kernel * kernel))));
    const pad = (kernel - 1) / 2;
    return b.op("Conv", [x, weights, b.constant(random([channels], 0.1))], { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] });
  };
  const stem = b.op("Relu", [conv(b.input("x", "float", ["batch", channels, size, size]), 1)]);
  const inner = b.op("Relu", [conv(stem, 3)]);
  const joined = b.op("Relu", [b.op("Add", [conv(inner, 3), stem])]);
  const pooled = b.op("Flatten", [b.op("GlobalAveragePool", [joined])]);
  b.output(b.op("Gemm", [pooled, b.constant(random([10, channels]))], { transB: 1 }), "y", "float", ["batch", 10]);
  return await prepareNetwork(b.model({ opset: 17, irVersion: 8 }), runtime);
}

async function prepare(channels: number, size: number) {
  const network = await blockNetwork(channels, size);
  const block = network.blocks.find(({ kind }) => kind === "residual")!;
  const search = await ScaleSearch.create(runtime);
  const quantizers = [];
  for (const layer of block.layers) quantizers.push(await fitWeightQuantizer(search, network.graph, layer, 2));
  await search.release();
  const rounding = roundingProblem(quantizers);
  const session = await runtime.createSession(trainingModel({ network, segment: block, rounding, trainChannels: true, batch }));
  const dims = [cached, channels, size, size];
  const unchanged = unchangedChannels(quantizers);
  const data = {
    input_0: random(dims),
    target_0: random(dims),
    [feeds.value]: floatTensor(rounding.start),
    [feeds.mean]: floatTensor(new Float32Array(rounding.start.length)),
    [feeds.square]: floatTensor(new Float32Array(rounding.start.length)),
    [channelFeeds.value]: floatTensor(unchanged),
    [channelFeeds.mean]: floatTensor(new Float32Array(unchanged.length)),
    [channelFeeds.square]: floatTensor(new Float32Array(unchanged.length)),
  };
  return { session, data, size: rounding.start.length };
}

async function timeSteps({ session, data }: NonNullable<typeof current>, steps: number): Promise<number> {
  const samples = Array.from({ length: steps * batch }, () => Math.floor(Math.random() * cached));
  const factors = Array.from({ length: steps }, () => [1e-3, 1, -0.4, 18, 0, 1e-4]).flat();
  const begin = performance.now();
  await session.run({
    ...data,
    [feeds.samples]: int64Tensor(samples, [steps, batch]),
    [feeds.factors]: floatTensor(factors, [steps, factorColumns.length]),
    [feeds.steps]: int64Tensor([steps], []),
  });
  return (performance.now() - begin) / steps;
}
