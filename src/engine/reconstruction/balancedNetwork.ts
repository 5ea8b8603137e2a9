/** @file A form of the network whose depthwise convolutions read channels of equal range, where one grid for all would cost too much. */

import type { Dataset } from "../data/dataset.ts";
import { CancelledError } from "../errors.ts";
import { insertNodes, newNode } from "../export/insertNodes.ts";
import { intAttribute } from "../graph/attributes.ts";
import { firstLastLayers, partition } from "../graph/blocks.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { findLayers, type Layer } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";
import { observeShapes } from "../graph/shapes.ts";
import { isOperator, renameReads } from "../graph/subgraphs.ts";
import { floatData, floatTensor, int64Tensor, sizeOf } from "../onnx/tensor.ts";
import type { PlannedActivation } from "../quantizers/activationPlan.ts";
import { rangeFactors } from "../quantizers/activationRange.ts";
import { balanceChannels, type ChannelRanges } from "../quantizers/channelBalance.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { forwardBatch } from "./runSegment.ts";
import { emitSegment, runtimeDims, withImports } from "./segment.ts";

/** Channels are looked at on so many samples, at so many positions of each; their ends at all positions. */
const samples = 64;
const positions = 32;
/** The error that a grid for all channels must cause, as a share of the filters' output, and what balance must save: a bit's worth. */
const leastShare = 1e-3;
const leastGain = 4;

/** What an activation's channels are divided by, by value. */
export type ChannelFactors = ReadonlyMap<string, Float32Array>;

/** An activation that only depthwise convolutions read quantized. */
interface Candidate {
  readonly value: string;
  readonly bits: number;
  readonly readers: readonly Layer[];
}

export interface BalanceOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly planned: readonly PlannedActivation[];
  readonly data: Dataset;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the activations before depthwise convolutions whose channels should be brought together, and by how much.
 * @throws CancelledError when the signal is aborted
 */
export async function findChannelFactors(options: BalanceOptions): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  const candidates = findCandidates(options.network, options.planned);
  if (candidates.length === 0) return found;
  const observed = await observeChannels(options, candidates);
  const search = await ScaleSearch.create(options.runtime);
  try {
    for (const [i, { value, bits, readers }] of candidates.entries()) {
      const { low, high, sampled, variance } = observed[i]!;
      const power = new Float64Array(low.length);
      for (const layer of readers) addPower(power, floatData(options.network.graph.constant(layer.weight)!));
      const ranges = await searchedRanges(search, { low, high, power }, sampled, bits);
      const { factors, error, balancedError } = balanceChannels(ranges, bits);
      if (error > leastShare * variance && error > leastGain * balancedError) found.set(value, factors);
    }
  } finally {
    await search.release();
  }
  return found;
}

function findCandidates({ graph, layers, shapes }: Network, planned: readonly Pick<PlannedActivation, "value" | "readers" | "bits">[]): Candidate[] {
  const layerOf = new Map(layers.map((layer) => [layer.node.output[0]!, layer]));
  return planned.flatMap(({ value, bits, readers }) => {
    const channels = shapes.shapeOf(value, 1)[1];
    const reading = readers.flatMap((reader) => layerOf.get(reader) ?? []);
    const fits = ({ node, weight, shape }: Layer) =>
      isOperator(node, "Conv") && intAttribute(node, "group", 1) === channels && shape[1] === 1 && graph.consumers(weight).length === 1;
    return channels !== undefined && channels > 1 && reading.length === readers.length && reading.every(fits)
      ? [{ value, bits, readers: reading }]
      : [];
  });
}

/** Adds each channel's squared weights; a channel may have several filters, one after the other. */
function addPower(power: Float64Array, weights: Float32Array): void {
  const size = weights.length / power.length;
  weights.forEach((weight, i) => {
    power[Math.floor(i / size)]! += weight ** 2;
  });
}

/** Cuts each channel's range as its own grid would cut it: at few bits the ends of long tails are not worth their levels. */
async function searchedRanges(search: ScaleSearch, { low, high, power }: ChannelRanges, sampled: Float32Array, bits: number): Promise<ChannelRanges> {
  const { scale } = await search.search(sampled, power.length, bits, rangeFactors);
  const share = (c: number) => {
    const range = high[c]! - low[c]!;
    return range > 0 ? Math.min(1, (scale[c]! * (2 ** bits - 1)) / range) : 1;
  };
  return { low: Float64Array.from(low, (value, c) => value * share(c)), high: Float64Array.from(high, (value, c) => value * share(c)), power };
}

interface Observed {
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Some values of each channel, its ends among them, channel-major. */
  readonly sampled: Float32Array;
  /** The readers' outputs, summed over channels. */
  readonly variance: number;
}

/** Runs the FP32 network on the first samples, and gives what it shows of each candidate. */
async function observeChannels({ runtime, network, data, signal }: BalanceOptions, candidates: readonly Candidate[]): Promise<Observed[]> {
  const batch = network.shapes.fixedBatch ?? Math.min(forwardBatch, data.count);
  const input = network.graph.inputs[0]!.name;
  const collected = candidates.map(({ value, readers }) => {
    const channels = network.shapes.shapeOf(value, 1)[1]!;
    return {
      low: new Float64Array(channels),
      high: new Float64Array(channels),
      rows: [] as Float32Array[],
      outputs: readers.map(({ shape }) => ({ mean: new Float64Array(shape[0]!), square: new Float64Array(shape[0]!) })),
    };
  });
  const session = await runtime.createSession(observingModel(network, candidates));
  let batches = 0;
  try {
    for (let start = 0; start + batch <= data.count && start < samples; start += batch) {
      if (signal?.aborted) throw new CancelledError();
      const results = await session.run({ [input]: floatTensor(await data.read(start, batch), network.shapes.shapeOf(input, batch)) });
      for (const [i, { low, high, rows, outputs }] of collected.entries()) {
        const each = (name: string, channels: number, visit: (value: number, channel: number) => void) =>
          floatData(results[name]!).forEach((value, at) => {
            visit(value, at % channels);
          });
        each(`high_${i}`, high.length, (value, c) => {
          high[c] = Math.max(high[c]!, value);
        });
        each(`low_${i}`, low.length, (value, c) => {
          low[c] = Math.min(low[c]!, -value);
        });
        for (const [j, { mean, square }] of outputs.entries()) {
          each(`mean_${i}_${j}`, mean.length, (value, c) => {
            mean[c]! += value;
          });
          each(`square_${i}_${j}`, square.length, (value, c) => {
            square[c]! += value;
          });
        }
        rows.push(floatData(results[`sampled_${i}`]!));
      }
      batches++;
    }
  } finally {
    await session.release();
  }
  const count = batch * batches;
  return collected.map(({ low, high, rows, outputs }) => {
    const variance = outputs.reduce(
      (sum, { mean, square }) => sum + square.reduce((all, value, c) => all + value / count - (mean[c]! / count) ** 2, 0),
      0,
    );
    return { low, high, sampled: channelMajor(rows, low, high), variance };
  });
}

/** Joins rows [channels, values], and adds each channel's ends. */
function channelMajor(rows: readonly Float32Array[], low: Float64Array, high: Float64Array): Float32Array {
  const channels = low.length;
  const sizes = rows.map((row) => row.length / channels);
  const width = sizes.reduce((sum, size) => sum + size, 2);
  const all = new Float32Array(channels * width);
  for (let c = 0; c < channels; c++) {
    let at = c * width;
    for (const [i, row] of rows.entries()) {
      const size = sizes[i]!;
      all.set(row.subarray(c * size, (c + 1) * size), at);
      at += size;
    }
    all[at] = low[c]!;
    all[at + 1] = high[c]!;
  }
  return all;
}

function observingModel(network: Network, candidates: readonly Candidate[]) {
  const { graph, shapes } = network;
  const b = new GraphBuilder("channels/");
  for (const { name } of graph.inputs) b.input(name, shapes.typeOf(name), runtimeDims(network, name));
  emitSegment(b, network, graph.nodes, new Map());
  candidates.forEach(({ value, readers }, i) => {
    const dims = shapes.shapeOf(value, 1);
    const pixels = sizeOf(dims.slice(2));
    const count = Math.min(positions, pixels);
    // Spread over the rows, drawn in columns by the golden ratio.
    const picked = Array.from({ length: count }, (_, n) => Math.min(pixels - 1, Math.floor(((n + ((n * 0.618034) % 1)) * pixels) / count)));
    const byChannel = b.op("Reshape", [
      b.op("Transpose", [value], { perm: dims.map((_, axis) => [1, 0][axis] ?? axis) }),
      b.ints([dims[1]!, -1, pixels]),
    ]);
    b.output(b.op("Reshape", [b.op("Gather", [byChannel, b.constant(int64Tensor(picked))], { axis: 2 }), b.ints([-1])]), `sampled_${i}`, "float");
    b.output(b.op("GlobalMaxPool", [value]), `high_${i}`, "float");
    b.output(b.op("GlobalMaxPool", [b.op("Neg", [value])]), `low_${i}`, "float");
    for (const [j, { node }] of readers.entries()) {
      const made = node.output[0]!;
      b.output(b.op("GlobalAveragePool", [made]), `mean_${i}_${j}`, "float");
      b.output(b.op("GlobalAveragePool", [b.op("Mul", [made, made])]), `square_${i}_${j}`, "float");
    }
  });
  return withImports(b.model({ opset: graph.opset, irVersion: graph.irVersion }), network);
}

/** Names of the divided activation, and of the constant that divides it. */
const dividedName = (value: string) => `${value}/balanced`;
const constantName = (value: string) => `${value}/balance`;

/**
 * A copy of the network that computes the same: the activations are divided channel by channel for the depthwise convolutions that read them
 * quantized, and these convolutions' filters are multiplied.
 */
export async function balanceNetwork(
  network: Network,
  runtime: Runtime,
  planned: readonly PlannedActivation[],
  factors: ChannelFactors,
): Promise<Network> {
  if (factors.size === 0) return network;
  const graph = network.graph.clone();
  const candidates = findCandidates({ ...network, graph }, planned).filter(({ value }) => factors.has(value));
  const nodes = candidates.map(({ value, readers }) => {
    const factor = factors.get(value)!;
    const dims = network.shapes.shapeOf(value, 1).map((length, axis) => (axis === 1 ? length : 1));
    graph.setConstant(
      constantName(value),
      floatTensor(
        factor.map((f) => 1 / f),
        dims,
      ),
    );
    for (const { node, weight, shape } of readers) {
      const weights = floatData(graph.constant(weight)!);
      const size = weights.length / factor.length;
      graph.setConstant(
        weight,
        floatTensor(
          weights.map((w, i) => w * factor[Math.floor(i / size)]!),
          shape,
        ),
      );
      renameReads(graph.producer(node.output[0]!)!, new Map([[value, dividedName(value)]]));
    }
    return newNode("Mul", [value, constantName(value)], dividedName(value));
  });
  insertNodes(graph, nodes);
  const shapes = await observeShapes(graph, runtime);
  const layers = findLayers(graph, shapes);
  const blocks = partition(graph, layers, shapes);
  return { ...network, graph, shapes, layers, blocks, firstLast: firstLastLayers(blocks) };
}

/** The FP32 form of a network that was balanced before it was exported: the original with the exported file's factors. */
export async function restoreBalanced(
  original: Network,
  runtime: Runtime,
  exported: Graph,
  activations: readonly PlannedActivation[],
): Promise<Network> {
  const factors = new Map<string, Float32Array>();
  for (const { input } of exported.nodes.filter((node) => isOperator(node, "Mul"))) {
    const [value, constant] = input;
    if (value === undefined || constant !== constantName(value)) continue;
    factors.set(
      value,
      floatData(exported.constant(constant)!).map((inverse) => 1 / inverse),
    );
  }
  const divided = new Map([...factors.keys()].map((value) => [dividedName(value), value]));
  const planned = activations.flatMap(({ value, readers, bits }) => (divided.has(value) ? [{ value: divided.get(value)!, readers, bits }] : []));
  return await balanceNetwork(original, runtime, planned, factors);
}
