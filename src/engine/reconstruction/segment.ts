/** @file Parts of a network as models of their own: what is cached, trained and run block by block. */
import { clone, create } from "@bufbuild/protobuf";
import type { Dim } from "../graph/builder.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { nodeReads } from "../graph/graph.ts";
import type { Network } from "../graph/prepare.ts";
import { type ModelProto, ModelProtoSchema, type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import type { Tensor } from "../onnx/tensor.ts";

/** Nodes that run together, with what they read from outside and what others read of theirs. */
export interface Segment {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Emits copies of a segment's nodes into `b`, with the constants that they read.
 * @param replaced value names that the copies read in place of others, e.g. soft weights for weights
 * @returns the emitted nodes
 */
export function emitSegment(b: GraphBuilder, network: Network, nodes: readonly NodeProto[], replaced: ReadonlyMap<string, string>): NodeProto[] {
  const { graph } = network;
  return nodes.map((original) => {
    const node = clone(NodeProtoSchema, original);
    node.input = node.input.map((input) => replaced.get(input) ?? input);
    for (const input of nodeReads(node)) {
      const tensor = graph.constant(input);
      if (tensor && !b.constantOf(input)) b.constant(tensor, input);
    }
    b.add(node);
    return node;
  });
}

/** The dims of a value at run time, the batch by name where it varies. */
export function runtimeDims(network: Network, value: string): Dim[] {
  const one = network.shapes.shapeOf(value, 1);
  const two = network.shapes.shapeOf(value, 2);
  return one.map((dim, axis) => (dim === two[axis] ? dim : axis === 0 && dim === 1 ? "batch" : `batch_${dim}`));
}

/** Whether the value's first axis counts samples, so that it can be cut into rows, one a sample. */
export function isBatched(network: Network, value: string): boolean {
  // A network that takes one sample at a time: every value that has such an axis is taken for one of that sample.
  if (network.shapes.fixedBatch !== undefined) return network.shapes.shapeOf(value, 1)[0] === network.shapes.fixedBatch;
  const one = network.shapes.shapeOf(value, 1);
  const two = network.shapes.shapeOf(value, 2);
  return one.length > 0 && one.every((dim, axis) => two[axis] === (axis === 0 ? 2 * dim : dim));
}

/** A model that computes a segment's outputs from its inputs, with some constants replaced. */
export function segmentModel(network: Network, segment: Segment, constants: ReadonlyMap<string, Tensor> = new Map()): ModelProto {
  const b = new GraphBuilder();
  for (const [name, tensor] of constants) b.constant(tensor, name);
  for (const input of segment.inputs) b.input(input, network.shapes.typeOf(input), runtimeDims(network, input));
  emitSegment(b, network, segment.nodes, new Map());
  for (const output of segment.outputs) b.output(output, output, network.shapes.typeOf(output), runtimeDims(network, output));
  return withImports(b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion }), network);
}

/** Gives a model the operator sets and functions of the network that its nodes come from. */
export function withImports(model: ModelProto, network: Network): ModelProto {
  const own = new Set(model.opsetImport.map(({ domain }) => domain));
  const more = network.graph.model.opsetImport.filter(({ domain }) => domain !== "ai.onnx" && !own.has(domain));
  return create(ModelProtoSchema, { ...model, opsetImport: [...model.opsetImport, ...more], functions: network.graph.model.functions });
}
