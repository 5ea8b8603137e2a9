/**
 * @file High-bias absorption (Nagel et al. 2019, section 4.1.3): equalization can make a channel's bias large, and with it the
 * range of its activation. A constant that the activation's input hardly ever falls below moves into the next layers' biases.
 */
import { intsAttribute, stringAttribute } from "../../graph/attributes.ts";
import type { Network } from "../../graph/prepare.ts";
import { isOperator } from "../../graph/subgraphs.ts";
import { inputChannels, outputChannels } from "../../graph/weightChannels.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import type { Pair } from "./pairs.ts";
import type { ChannelMoments } from "./statistics.ts";
import type { DfqStructure } from "./structure.ts";

/** The input stays this many deviations above what is absorbed: 99.9 % of it, if normal. */
const deviations = 3;

/** What was taken off each input channel of a layer, by layer name. */
export type Absorbed = ReadonlyMap<string, Float64Array>;

/** Why nothing of a pair's first layer can be absorbed; undefined where it can. */
export function absorptionObstacle({ between, seconds, first }: Pair): string | undefined {
  const active = between.filter((node) => isOperator(node, "Relu"));
  if (active.length !== 1 || active[0]!.input[0] !== first.node.output[0]) return "its activation is not Relu or a Clip from 0";
  const other = between.find(
    (node) => !isOperator(node, "Relu", "Min", "Clip", "Identity", "Dropout", "GlobalAveragePool", "Flatten", "Reshape", "Squeeze"),
  );
  if (other) return `${other.opType} lies behind its activation`;
  const padded = seconds.find(({ node }) => padsWithZeros(node));
  if (padded) return `"${padded.name}" pads with zeros, which are not shifted`;
  return seconds.some(({ bias }) => bias === undefined) ? "a layer behind it has no bias" : undefined;
}

function padsWithZeros(node: NodeProto): boolean {
  if (!isOperator(node, "Conv", "ConvTranspose")) return false;
  return stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME") || (intsAttribute(node, "pads") ?? []).some((pad) => pad !== 0);
}

/**
 * Absorbs c = max(0, mean - 3 deviations) of every channel whose moments are known, in place.
 * @param moments of the pairs' first layers' outputs, by layer name, in the equalized network
 */
export function absorbHighBiases({ network, pairs, bounds }: DfqStructure, moments: ReadonlyMap<string, ChannelMoments>): Absorbed {
  const absorbed = new Map<string, Float64Array>();
  for (const pair of pairs) {
    const known = moments.get(pair.first.name);
    if (!known || absorptionObstacle(pair) !== undefined) continue;
    const amounts = Float64Array.from(known, ({ mean, variance }) => Math.max(0, mean - deviations * Math.sqrt(variance)));
    if (amounts.every((amount) => amount === 0)) continue;
    subtract(network, pair.first.bias!, amounts);
    for (const { constants } of bounds.filter((entry) => entry.pair === pair)) for (const name of constants) subtract(network, name, amounts);
    for (const second of pair.seconds) absorbed.set(second.name, absorbInto(network, second, amounts));
  }
  return absorbed;
}

function subtract({ graph }: Network, name: string, amounts: Float64Array): void {
  const tensor = graph.constant(name)!;
  const values = floatData(tensor);
  const repeat = values.length / amounts.length;
  graph.setConstant(
    name,
    floatTensor(
      values.map((value, i) => value - amounts[Math.floor(i / repeat)]!),
      tensor.dims,
    ),
  );
}

/** Adds W c to a layer's bias; gives c for each of its input channels. */
function absorbInto({ graph }: Network, layer: Pair["seconds"][number], amounts: Float64Array): Float64Array {
  const weights = floatData(graph.constant(layer.weight)!);
  const input = inputChannels(layer.node, layer.shape);
  const output = outputChannels(layer.node, layer.shape);
  const repeat = input.channels / amounts.length;
  const bias = Float64Array.from(floatData(graph.constant(layer.bias!)!));
  weights.forEach((weight, i) => {
    bias[output.channelOf(i)]! += weight * amounts[Math.floor(input.channelOf(i) / repeat)]!;
  });
  graph.setConstant(layer.bias!, floatTensor(Float32Array.from(bias)));
  return Float64Array.from({ length: input.channels }, (_, i) => amounts[Math.floor(i / repeat)]!);
}
