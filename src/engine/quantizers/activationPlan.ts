/** @file Which tensors of activations are quantized, for which readers, with how many bits. */
import type { RunConfig } from "../../config/schema.ts";
import { isSum } from "../graph/blocks/operators.ts";
import { isWeighted } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";
import { isOperator } from "../graph/subgraphs.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { BitPlan } from "./bitPlan.ts";

/** A tensor that will be quantized. */
export interface PlannedActivation {
  readonly value: string;
  /** First outputs of the nodes that read it quantized; others keep the FP32 one. */
  readonly readers: readonly string[];
  readonly bits: number;
}

/** Operators whose output holds nothing but elements of their first input. */
const views = ["Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];
const pools = ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMean"];

/**
 * The quantized tensors of a run, in the order of their first readers: the data input of each layer whose inputs have bits, and by the run's
 * `quantizeAlso` what the network is given, both operands of sums, and what pools make. A tensor is quantized once; where its readers have
 * different bits, with the most.
 */
export function planActivations(network: Network, bits: BitPlan, run: Pick<RunConfig, "activations" | "quantizeAlso">): PlannedActivation[] {
  const { graph } = network;
  const planned = new Map<string, { value: string; readers: string[]; bits: number }>();
  const isGiven = givenValues(network);
  const layerOf = new Map(network.layers.map((layer) => [layer.node, layer]));

  for (const node of graph.nodes) {
    const layer = layerOf.get(node);
    if (layer) add(node.input[0]!, node, bits.get(layer.name)!.activations);
    else if (run.quantizeAlso.includes("adds") && isSum(node)) for (const operand of operands(node)) add(operand, node, run.activations);
  }
  if (run.quantizeAlso.includes("pools")) {
    for (const node of graph.nodes) if (isOperator(node, ...pools)) addPool(node.output[0]!);
  }
  const order = new Map(graph.nodes.map((node, i) => [node.output[0], i]));
  const first = ({ readers }: PlannedActivation) => Math.min(...readers.map((reader) => order.get(reader)!));
  return [...planned.values()].sort((a, b) => first(a) - first(b));

  function add(value: string, reader: NodeProto, count: number | "fp32"): void {
    if (count === "fp32" || !isQuantizable(value)) return;
    const known = planned.get(value) ?? { value, readers: [], bits: 0 };
    const output = reader.output[0]!;
    if (!known.readers.includes(output)) known.readers.push(output);
    known.bits = Math.max(known.bits, count);
    planned.set(value, known);
  }

  /** A pool whose output only goes, perhaps reshaped, to readers that quantize it themselves needs no quantizer of its own. */
  function addPool(value: string): void {
    if (isQuantizedBehind(value)) return;
    for (const reader of graph.consumers(value)) if (reader.input.includes(value)) add(value, reader, run.activations);
  }

  function isQuantizedBehind(value: string): boolean {
    const readers = graph.consumers(value);
    return (
      !graph.isOutput(value) &&
      readers.every(
        (reader) => planned.get(value)?.readers.includes(reader.output[0]!) || (isOperator(reader, ...views) && isQuantizedBehind(reader.output[0]!)),
      )
    );
  }

  /** What a sum adds up, constants apart; a bias is no sum. */
  function operands(node: NodeProto): string[] {
    const data = node.input.filter((value) => value !== "" && !graph.initializers.has(value));
    return data.length > 1 ? data : [];
  }

  function isQuantizable(value: string): boolean {
    if (graph.initializers.has(value) || !network.shapes.has(value) || network.shapes.typeOf(value) !== "float") return false;
    return run.quantizeAlso.includes("input") || !isGiven(value);
  }
}

/** Tells whether a value is a graph input, or made of graph inputs with no layer between: normalized or reshaped. */
function givenValues({ graph }: Network): (value: string) => boolean {
  const behindLayer = new Set<string>();
  for (const node of graph.nodes) {
    if (isWeighted(node) || node.input.some((value) => behindLayer.has(value))) for (const output of node.output) behindLayer.add(output);
  }
  return (value) => !behindLayer.has(value);
}
