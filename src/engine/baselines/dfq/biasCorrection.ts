/** @file Bias correction: rounding shifts the mean of a layer's output, and the bias takes the shift back (Nagel et al. 2019, section 4.2). */
import { clone } from "@bufbuild/protobuf";
import type { Dataset } from "../../data/dataset.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Layer } from "../../graph/layers.ts";
import type { Network } from "../../graph/prepare.ts";
import { renameReads } from "../../graph/subgraphs.ts";
import { inputChannels, outputChannels } from "../../graph/weightChannels.ts";
import { NodeProtoSchema } from "../../onnx/onnx_pb.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import { dequantize, type WeightQuantization } from "../../quantizers/weightQuantization.ts";
import { emitSegment, runtimeDims, withImports } from "../../reconstruction/segment.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { addScaled, eachBatch } from "./measuredMoments.ts";

/** What is added to each output channel's bias, by layer name. */
export type BiasCorrections = Map<string, Float64Array>;

/**
 * Analytic correction: -Σ (W_q - W) E[x], summed over what each output channel reads. Padding is not counted, as in the paper.
 * @param mean E[x] for each of the layer's input channels
 */
export function analyticCorrection(layer: Layer, weights: Float32Array, quantized: WeightQuantization, mean: ArrayLike<number>): Float64Array {
  const input = inputChannels(layer.node, layer.shape);
  const output = outputChannels(layer.node, layer.shape);
  const correction = new Float64Array(output.channels);
  dequantize(quantized).forEach((value, i) => {
    correction[output.channelOf(i)]! -= (value - weights[i]!) * mean[input.channelOf(i)]!;
  });
  return correction;
}

export interface EmpiricalOptions {
  readonly runtime: Runtime;
  /** The FP32 network in equalized form. */
  readonly network: Network;
  readonly weights: readonly WeightQuantization[];
  /** Layers to correct. */
  readonly layers: readonly Layer[];
  /** Corrections that other layers have already. */
  readonly known: BiasCorrections;
  readonly data: Dataset;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Empirical correction (appendix D): the difference of the output's mean in both networks, layer after layer, each with the layers before it
 * corrected. One graph does it for a batch: it runs both networks side by side and adds each difference on the spot; batches are averaged.
 */
export async function empiricalCorrections(options: EmpiricalOptions): Promise<BiasCorrections> {
  const { runtime, network, layers, data, signal } = options;
  if (layers.length === 0) return new Map();
  const session = await runtime.createSession(correctionModel(options));
  const sums = layers.map(() => [] as number[]);
  let samples = 0;
  try {
    await eachBatch(network, data, signal, async (feeds, count) => {
      const results = await session.run(feeds);
      samples += count;
      layers.forEach((_, i) => {
        addScaled(sums[i]!, floatData(results[`correction_${i}`]!), count);
      });
    });
  } finally {
    await session.release();
  }
  return new Map(layers.map(({ name }, i) => [name, Float64Array.from(sums[i]!, (sum) => sum / samples)]));
}

/** Both networks in one graph: values of the quantized one have a prefix. */
function correctionModel({ network, weights, layers, known }: EmpiricalOptions) {
  const { graph, shapes } = network;
  const b = new GraphBuilder("correction/");
  for (const { name } of graph.inputs) b.input(name, shapes.typeOf(name), runtimeDims(network, name));
  emitSegment(b, network, graph.nodes, new Map());
  const quantized = (value: string) => `quantized/${value}`;
  const names = new Map(graph.nodes.flatMap((node) => node.output.map((output) => [output, quantized(output)] as const)));
  const own = (name: string, values: Float32Array, dims: readonly number[]) =>
    names.set(name, b.constant(floatTensor(values, dims), quantized(name)));
  for (const weight of weights) own(weight.weight, dequantize(weight), weight.dims);
  for (const { name, bias } of network.layers) {
    const correction = known.get(name);
    if (!correction || !bias) continue;
    const values = floatData(graph.constant(bias)!).map((value, i) => value + correction[i]!);
    own(bias, values, [values.length]);
  }
  const corrected = new Map(layers.map(({ node }, i) => [node, i]));
  for (const original of graph.nodes) {
    const node = clone(NodeProtoSchema, original);
    renameReads(node, names);
    node.output = node.output.map((output) => (output ? quantized(output) : output));
    node.name = quantized(node.name);
    b.add(node);
    const index = corrected.get(original);
    if (index === undefined) continue;
    const value = original.output[0]!;
    const axes = shapes.shapeOf(value, 1).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const shift = b.op("ReduceMean", [b.op("Sub", [value, node.output[0]!])], { axes, keepdims: 1 });
    names.set(value, b.op("Add", [node.output[0]!, shift]));
    b.output(b.op("Reshape", [shift, b.ints([-1])]), `correction_${index}`, "float");
  }
  return withImports(b.model({ opset: graph.opset, irVersion: graph.irVersion }), network);
}
