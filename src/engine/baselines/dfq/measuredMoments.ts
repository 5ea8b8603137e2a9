/** @file Mean and variance of values on calibration data, where the network carries no BatchNormalization statistics. */
import type { Dataset } from "../../data/dataset.ts";
import { CancelledError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Network } from "../../graph/prepare.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import { emitSegment, runtimeDims, withImports } from "../../reconstruction/segment.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { ChannelMoments } from "./statistics.ts";

const batchSize = 32;

/** Calls `run` with each whole batch of the data, ready to be fed. */
export async function eachBatch(
  network: Network,
  data: Dataset,
  signal: AbortSignal | undefined,
  run: (feeds: Record<string, ReturnType<typeof floatTensor>>, samples: number) => Promise<void>,
): Promise<void> {
  const batch = network.shapes.fixedBatch ?? Math.min(batchSize, data.count);
  const input = network.graph.inputs[0]!.name;
  for (let start = 0; start + batch <= data.count; start += batch) {
    if (signal?.aborted) throw new CancelledError();
    await run({ [input]: floatTensor(await data.read(start, batch), network.shapes.shapeOf(input, batch)) }, batch);
  }
}

/** Moments of float values with channels along axis 1. */
export async function measureMoments(
  runtime: Runtime,
  network: Network,
  values: readonly string[],
  data: Dataset,
  signal?: AbortSignal,
): Promise<Map<string, ChannelMoments>> {
  if (values.length === 0) return new Map();
  const session = await runtime.createSession(momentsModel(network, values));
  const sums = new Map(values.map((value) => [value, { mean: [] as number[], square: [] as number[] }]));
  let samples = 0;
  try {
    await eachBatch(network, data, signal, async (feeds, count) => {
      const results = await session.run(feeds);
      samples += count;
      values.forEach((value, i) => {
        const { mean, square } = sums.get(value)!;
        addScaled(mean, floatData(results[`mean_${i}`]!), count);
        addScaled(square, floatData(results[`square_${i}`]!), count);
      });
    });
  } finally {
    await session.release();
  }
  return new Map(
    [...sums].map(([value, { mean, square }]) => [
      value,
      mean.map((sum, i) => ({ mean: sum / samples, variance: Math.max(0, square[i]! / samples - (sum / samples) ** 2) })),
    ]),
  );
}

/** Adds `factor` times the values; an empty sum takes their length. */
export function addScaled(sum: number[], values: Float32Array, factor: number): void {
  values.forEach((value, i) => {
    sum[i] = (sum[i] ?? 0) + factor * value;
  });
}

function momentsModel(network: Network, values: readonly string[]) {
  const { graph, shapes } = network;
  const b = new GraphBuilder("moments/");
  for (const { name } of graph.inputs) b.input(name, shapes.typeOf(name), runtimeDims(network, name));
  emitSegment(b, network, graph.nodes, new Map());
  values.forEach((value, i) => {
    const axes = shapes.shapeOf(value, 1).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const mean = (x: string) => b.op("ReduceMean", [x], { axes, keepdims: 0 });
    b.output(mean(value), `mean_${i}`, "float");
    b.output(mean(b.op("Mul", [value, value])), `square_${i}`, "float");
  });
  return withImports(b.model({ opset: graph.opset, irVersion: graph.irVersion }), network);
}
