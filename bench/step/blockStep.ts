/** @file Times one training step (batch 32) of a residual block, with random weights and values: for bench/trainingStep.ts and bench/scaling.ts. */
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { type Network, prepareNetwork } from "../../src/engine/graph/prepare.ts";
import { floatTensor, int64Tensor, sizeOf } from "../../src/engine/onnx/tensor.ts";
import { roundingProblem } from "../../src/engine/quantizers/adaptiveRounding.ts";
import { unchangedChannels } from "../../src/engine/quantizers/channelParameters.ts";
import { ScaleSearch } from "../../src/engine/quantizers/scaleSearch.ts";
import { fitWeightQuantizer } from "../../src/engine/quantizers/weightQuantizer.ts";
import { channelFeeds, factorColumns, feeds, trainingModel } from "../../src/engine/reconstruction/trainingStep.ts";
import type { Runtime } from "../../src/engine/runtime/runtime.ts";

/** A block as in bench/step/shapes.json: layers of stride 1 in a row, the sum with the block's input, and an activation. */
export interface BlockShape {
  readonly name: string;
  readonly channels: number;
  readonly size: number;
  readonly layers: readonly LayerShape[];
  readonly activation: Activation;
}

interface LayerShape {
  readonly outputs: number;
  readonly kernel: number;
  readonly groups: number;
  readonly activation: Activation;
}

type Activation = "none" | "relu" | "relu6";

const cached = 128;
export const batch = 32;

export interface BlockStep {
  /** Milliseconds a step. */
  time(steps: number): Promise<number>;
  release(): Promise<void>;
}

/** Compiles the step of a block: rounding of 2 bits, step sizes and biases, as runs train them. */
export async function prepareStep(runtime: Runtime, shape: BlockShape): Promise<BlockStep> {
  const network = await blockNetwork(runtime, shape);
  const block = network.blocks.find(({ kind }) => kind === "residual")!;
  if (block.layers.length !== shape.layers.length) throw new Error(`${shape.name} was cut into other blocks`);
  const search = await ScaleSearch.create(runtime);
  const quantizers = [];
  for (const layer of block.layers) quantizers.push(await fitWeightQuantizer(search, network.graph, layer, 2));
  await search.release();
  const rounding = roundingProblem(quantizers);
  const session = await runtime.createSession(trainingModel({ network, segment: block, rounding, trainChannels: true, batch }));
  const dims = [cached, shape.channels, shape.size, shape.size];
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
  return {
    async time(steps) {
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
    },
    release: () => session.release(),
  };
}

/** Floating-point operations of a step's convolutions, computed directly: forward, and both gradients (the first layer's input needs none). */
export function stepOperations({ channels, size, layers }: BlockShape): number {
  let [inputs, sum] = [channels, 0];
  for (const [i, { outputs, kernel, groups }] of layers.entries()) {
    const once = 2 * batch * size * size * outputs * (inputs / groups) * kernel * kernel;
    sum += once * (i === 0 ? 2 : 3);
    inputs = outputs;
  }
  return sum;
}

function random(dims: readonly number[], scale = 1) {
  return floatTensor(
    Float32Array.from({ length: sizeOf(dims) }, () => (Math.random() - 0.5) * 2 * scale),
    dims,
  );
}

/** conv 1x1, then the block, then pooling and a classifier, so that the block is neither first nor last. */
async function blockNetwork(runtime: Runtime, { channels, size, layers, activation }: BlockShape): Promise<Network> {
  const b = new GraphBuilder();
  const conv = (x: string, inputs: number, { outputs, kernel, groups }: Omit<LayerShape, "activation">) => {
    const fan = (inputs / groups) * kernel * kernel;
    const weights = b.constant(random([outputs, inputs / groups, kernel, kernel], Math.sqrt(3 / fan)));
    const pad = (kernel - 1) / 2;
    return b.op("Conv", [x, weights, b.constant(random([outputs], 0.1))], {
      kernel_shape: [kernel, kernel],
      group: groups,
      pads: [pad, pad, pad, pad],
    });
  };
  const activate = (x: string, kind: Activation) => {
    if (kind === "none") return x;
    return kind === "relu" ? b.op("Relu", [x]) : b.op("Clip", [x, b.scalar(0), b.scalar(6)]);
  };
  const stem = b.op("Relu", [conv(b.input("x", "float", ["batch", channels, size, size]), channels, { outputs: channels, kernel: 1, groups: 1 })]);
  let [x, inputs] = [stem, channels];
  for (const layer of layers) {
    x = activate(conv(x, inputs, layer), layer.activation);
    inputs = layer.outputs;
  }
  const joined = activate(b.op("Add", [x, stem]), activation);
  const pooled = b.op("Flatten", [b.op("GlobalAveragePool", [joined])]);
  b.output(b.op("Gemm", [pooled, b.constant(random([10, channels]))], { transB: 1 }), "y", "float", ["batch", 10]);
  return await prepareNetwork(b.model({ opset: 17, irVersion: 8 }), runtime);
}
