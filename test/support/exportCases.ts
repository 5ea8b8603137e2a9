/** @file Small networks with every kind of quantized layer, and plain ways to quantize them, for tests and measurements of the export. */
import { valueInfo } from "../../src/engine/graph/builder.ts";
import { Graph } from "../../src/engine/graph/graph.ts";
import { shallowCopy } from "../../src/engine/onnx/messages.ts";
import { GraphProtoSchema, ModelProtoSchema } from "../../src/engine/onnx/onnx_pb.ts";
import { type FloatTensor, floatData, floatTensor, sizeOf, type Tensor } from "../../src/engine/onnx/tensor.ts";
import type { ActivationQuantization } from "../../src/engine/quantizers/activationQuantization.ts";
import type { WeightQuantization } from "../../src/engine/quantizers/weightQuantization.ts";
import { roundHalfEven } from "../../src/engine/quantizers/weightQuantizer.ts";
import type { Runtime } from "../../src/engine/runtime/runtime.ts";
import { ExportNetwork, type LayerWeight } from "./exportNetwork.ts";

/** A network with the layers and values to quantize. */
export interface ExportCase {
  readonly name: string;
  readonly graph: Graph;
  readonly layers: readonly LayerWeight[];
  /** Values that quantized operators read. */
  readonly values: readonly string[];
  readonly feeds: Readonly<Record<string, FloatTensor>>;
}

const cases: Readonly<Record<string, (b: ExportNetwork) => string>> = {
  conv: (b) => b.conv("b", b.relu(b.conv("a", b.image(), 8)), 4),
  "conv, max pool": (b) => b.conv("b", b.maxPool(b.relu(b.conv("a", b.image(), 8))), 4),
  "conv, add": (b) => {
    const stem = b.relu(b.conv("a", b.image(), 8));
    return b.conv("c", b.relu(b.sum(stem, b.conv("b", stem, 8))), 4);
  },
  "depthwise conv": (b) => b.conv("c", b.relu(b.conv("b", b.relu(b.conv("a", b.image(), 8)), 8, 8)), 4),
  "grouped conv": (b) => b.conv("c", b.relu(b.conv("b", b.relu(b.conv("a", b.image(), 8)), 8, 2)), 4),
  "conv transpose": (b) => b.conv("c", b.relu(b.convTranspose("b", b.relu(b.conv("a", b.image(), 6)), 4, 1)), 4),
  "grouped conv transpose": (b) => b.conv("c", b.relu(b.convTranspose("b", b.relu(b.conv("a", b.image(), 8)), 4, 2)), 4),
  "gemm, transB = 0": (b) => b.gemm("b", b.relu(b.gemm("a", b.row(), 12, 0)), 6, 0),
  "gemm, transB = 1": (b) => b.gemm("b", b.relu(b.gemm("a", b.row(), 12, 1)), 6, 1),
  matmul: (b) => b.matMul("b", b.relu(b.matMul("a", b.row(), 12)), 6),
};

export const exportCaseNames: readonly string[] = Object.keys(cases);

export function exportCase(name: string): ExportCase {
  const b = new ExportNetwork();
  const output = cases[name]!(b);
  b.output(output, "y", "float", b.outputDims());
  const graph = new Graph(b.model({ opset: 17, irVersion: 8 }));
  return { name, graph, layers: b.layers, values: b.values, feeds: b.feeds() };
}

/** Weights rounded to nearest on the grid from each channel's least to its greatest weight. */
export function nearestWeights(graph: Graph, { layer, weight, axis }: LayerWeight, bits: number): WeightQuantization {
  const { dims } = graph.constant(weight)!;
  const weights = floatData(graph.constant(weight)!);
  const inner = sizeOf(dims.slice(axis + 1));
  const channelOf = (i: number) => Math.floor(i / inner) % dims[axis]!;
  const top = 2 ** bits - 1;
  const low = new Float64Array(dims[axis]!);
  const high = new Float64Array(dims[axis]!);
  weights.forEach((w, i) => {
    low[channelOf(i)] = Math.min(low[channelOf(i)]!, w);
    high[channelOf(i)] = Math.max(high[channelOf(i)]!, w);
  });
  const scale = Float32Array.from(low, (least, c) => (high[c]! - least) / top || 1);
  const zeroPoint = Uint8Array.from(low, (least, c) => Math.min(top, roundHalfEven(-least / scale[c]!)));
  const values = Uint8Array.from(weights, (w, i) => {
    const c = channelOf(i);
    return Math.min(Math.max(roundHalfEven(w / scale[c]!) + zeroPoint[c]!, 0), top);
  });
  return { layer, weight, dims, axis, bits, scale, zeroPoint, values };
}

/** All of a case's values on the grid from their least to their greatest element, for all nodes that read them. */
export async function rangeActivations(runtime: Runtime, { graph, values, feeds }: ExportCase, bits: number): Promise<ActivationQuantization[]> {
  const observed = await observe(runtime, graph, values, feeds);
  return values.map((value) => {
    const elements = floatData(observed[value]!);
    const low = elements.reduce((least, x) => Math.min(least, x), 0);
    const high = elements.reduce((greatest, x) => Math.max(greatest, x), 0);
    const scale = Math.fround((high - low) / (2 ** bits - 1));
    const readers = graph.consumers(value).map((reader) => reader.output[0]!);
    return { value, bits, scale, zeroPoint: Math.round(Math.abs(low) / scale), readers };
  });
}

/** The FP32 network's values. */
async function observe(
  runtime: Runtime,
  graph: Graph,
  values: readonly string[],
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const model = graph.toModel();
  const output = values.filter((value) => !graph.isInput(value)).map((value) => valueInfo(value, "float"));
  const probe = shallowCopy(ModelProtoSchema, model, { graph: shallowCopy(GraphProtoSchema, model.graph!, { output }) });
  const session = await runtime.createSession(probe, { optimization: "disabled" });
  try {
    return { ...feeds, ...(await session.run(feeds)) };
  } finally {
    await session.release();
  }
}

/** The feeds with other numbers, of the same range. */
export function otherFeeds(feeds: Readonly<Record<string, FloatTensor>>): Record<string, FloatTensor> {
  return Object.fromEntries(Object.entries(feeds).map(([name, { data, dims }]) => [name, floatTensor(data.slice().reverse(), dims)]));
}
