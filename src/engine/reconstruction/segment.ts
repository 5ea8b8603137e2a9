/** @file Parts of a network as models of their own: what is cached, trained and run block by block. */
import { clone, create } from "@bufbuild/protobuf";
import type { Dim } from "../graph/builder.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { nodeReads } from "../graph/graph.ts";
import type { Network } from "../graph/prepare.ts";
import { type ModelProto, ModelProtoSchema, type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import type { Tensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { emitFakeQuantize, type FakeQuantized } from "../quantizers/fakeQuantize.ts";

/** Nodes that run together, with what they read from outside and what others read of theirs. */
export interface Segment {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A quantizer of a value that some nodes of a segment read. */
export interface ReadQuantizer {
  readonly value: string;
  /** First outputs of the nodes that read the quantized value. */
  readonly readers: readonly string[];
  /** Emits the quantizer behind `x`, the value under the name that it has in `b`. */
  readonly emit: (b: GraphBuilder, x: string) => FakeQuantized;
}

/**
 * Emits copies of a segment's nodes into `b`, with the constants that they read, and with quantizers before the nodes that read quantized
 * values.
 * @param replaced value names that the copies read in place of others, e.g. soft weights for weights
 * @param substitute emits other nodes in place of a copy, with the same outputs, or gives undefined
 * @returns the emitted nodes, to be differentiated
 */
export function emitSegment(
  b: GraphBuilder,
  network: Network,
  nodes: readonly NodeProto[],
  replaced: ReadonlyMap<string, string>,
  quantizers: readonly ReadQuantizer[] = [],
  substitute: (copy: NodeProto, original: NodeProto) => readonly NodeProto[] | undefined = () => undefined,
): NodeProto[] {
  const { graph } = network;
  const quantizerOf = new Map(quantizers.map((quantizer) => [quantizer.value, quantizer]));
  const quantized = new Map<string, string>();
  const emitted: NodeProto[] = [];
  for (const original of nodes) {
    const node = clone(NodeProtoSchema, original);
    node.input = node.input.map((input) => read(input, original.output[0]!));
    for (const input of nodeReads(node)) {
      const tensor = graph.constant(input);
      if (tensor && !b.constantOf(input)) b.constant(tensor, input);
    }
    const others = substitute(node, original);
    if (!others) b.add(node);
    emitted.push(...(others ?? [node]));
  }
  return emitted;

  function read(value: string, reader: string): string {
    const plain = replaced.get(value) ?? value;
    const quantizer = quantizerOf.get(value);
    if (!quantizer?.readers.includes(reader)) return plain;
    const known = quantized.get(value);
    if (known) return known;
    const { output, node } = quantizer.emit(b, plain);
    emitted.push(node);
    quantized.set(value, output);
    return output;
  }
}

/** The quantizer of an activation whose grid is settled. */
export function settledQuantizer({ value, readers, bits, scale, zeroPoint }: ActivationQuantization): ReadQuantizer {
  return { value, readers, emit: (b, x) => emitFakeQuantize(b, x, { bits, zeroPoint, scale: b.scalar(scale) }) };
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

/** What a segment computes with, where it is not the network's own. */
export interface SegmentQuantization {
  /** Constants in place of the network's, e.g. quantized weights. */
  readonly constants?: ReadonlyMap<string, Tensor> | undefined;
  readonly activations?: readonly ActivationQuantization[] | undefined;
}

/** A model that computes a segment's outputs from its inputs. */
export function segmentModel(network: Network, segment: Segment, { constants, activations = [] }: SegmentQuantization = {}): ModelProto {
  const b = new GraphBuilder();
  for (const [name, tensor] of constants ?? []) b.constant(tensor, name);
  for (const input of segment.inputs) b.input(input, network.shapes.typeOf(input), runtimeDims(network, input));
  emitSegment(b, network, segment.nodes, new Map(), activations.map(settledQuantizer));
  for (const output of segment.outputs) b.output(output, output, network.shapes.typeOf(output), runtimeDims(network, output));
  return withImports(b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion }), network);
}

/** Gives a model the operator sets and functions of the network that its nodes come from. */
export function withImports(model: ModelProto, network: Network): ModelProto {
  const own = new Set(model.opsetImport.map(({ domain }) => domain));
  const more = network.graph.model.opsetImport.filter(({ domain }) => domain !== "ai.onnx" && !own.has(domain));
  return create(ModelProtoSchema, { ...model, opsetImport: [...model.opsetImport, ...more], functions: network.graph.model.functions });
}
