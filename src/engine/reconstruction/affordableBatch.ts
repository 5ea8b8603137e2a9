/** @file How many samples a differentiated part of the network may take at once: large parts on large images would not fit memory. */
import type { Network } from "../graph/prepare.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { Unit } from "./segments.ts";

/** What the values of a forward and a backward pass may take. */
const memoryBytes = 2 * 2 ** 30;
/** A value is held for the backward pass, its gradient beside it, and what a gradient rule makes on the way is about as large again. */
const copies = 3;

/**
 * The batch for training `nodes`, or for differentiating through them: `wanted`, or as many samples as fit 2 GiB when each value is
 * counted three times. A network whose batch is fixed keeps its own.
 */
export function affordableBatch(network: Network, nodes: readonly NodeProto[], wanted: number): number {
  const { shapes } = network;
  if (shapes.fixedBatch !== undefined) return shapes.fixedBatch;
  let elements = 0;
  for (const value of nodes.flatMap(({ output }) => output)) {
    if (value !== "" && shapes.has(value)) elements += sizeOf(shapes.shapeOf(value, 1));
  }
  const affordable = Math.floor(memoryBytes / (copies * 4 * Math.max(1, elements)));
  return Math.max(1, Math.min(wanted, affordable));
}

/** Tells the user where a unit is trained with smaller minibatches than its schedule says. */
export function smallBatchWarning(network: Network, unit: Unit, wanted: number): string[] {
  const batch = affordableBatch(network, unit.nodes, wanted);
  if (batch >= wanted || network.shapes.fixedBatch !== undefined) return [];
  return [`"${unit.name}" is trained on ${batch} samples a step instead of ${wanted}, so that a step fits 2 GiB of memory.`];
}
