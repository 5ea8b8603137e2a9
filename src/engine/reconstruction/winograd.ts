/**
 * @file Convolutions of 3x3 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
 * CVPR 2016, section 4): tiles of 6x6 inputs give 4x4 outputs with 36 products a pair of channels in place of 144. It is written in operators that
 * differentiate by rules of their own, so that both gradients take place among the transformed values too, and share what the forward
 * pass has transformed. Samples lie on the last axis meanwhile: all copies are then of long runs. docs/decisions/winograd.md has the times.
 */
import { groupsOf, type SlidingWindow, slidingWindow } from "../autodiff/slidingWindow.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor, sizeOf } from "../onnx/tensor.ts";

/** Outputs of a tile along an axis, and the inputs that they read. */
const tileOutputs = 4;
const tileInputs = 6;
const products = tileInputs * tileInputs;

/** B', G and A' of F(4, 3), for the points 0, 1, -1, 2, -2 and infinity. */
const inputTransform: Matrix = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const kernelTransform: Matrix = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const outputTransform: Matrix = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** With up to so many channels the transforms take longer than the products that they save: where tiles stay in the processor's caches, and beyond. */
const fewChannels = 24;
const fewChannelsInMemory = 80;
const cacheBytes = 20e6;

/** Up to how many positions one matrix transforms both axes: the second product of a matrix an axis is then too small to be fast. */
const fewPositions = 64;

/** Dims of a Conv's input, weights and output. */
export interface ConvolutionDims {
  readonly input: readonly number[];
  readonly weights: readonly number[];
  readonly output: readonly number[];
}

/** Nodes in place of another one, and the dims of the values in between. */
export interface Substitute {
  readonly nodes: readonly NodeProto[];
  readonly dims: ReadonlyMap<string, readonly number[]>;
}

/** Whether {@link emitWinograd} computes a node, and faster than Conv. */
export function suitsWinograd(node: NodeProto, { input, weights, output }: ConvolutionDims): boolean {
  if (weights.length !== 4 || groupsOf(node) !== 1) return false;
  const { kernel, strides, dilations } = slidingWindow(node, input.slice(2), output.slice(2), weights.slice(2));
  const plain = kernel.every((length) => length === 3) && [...strides, ...dilations].every((step) => step === 1);
  const tileBytes = Math.max(sizeOf(input), sizeOf(output)) * (products / tileOutputs ** 2) * 4;
  return plain && Math.min(weights[0]!, weights[1]!) > (tileBytes < cacheBytes ? fewChannels : fewChannelsInMemory);
}

/** Emits a `float` Conv that {@link suitsWinograd}, under the same output name. */
export function emitWinograd(b: GraphBuilder, node: NodeProto, dims: ConvolutionDims): Substitute {
  const [samples, inputs, height, width] = dims.input as [number, number, number, number];
  const [, outputs, rows, columns] = dims.output as [number, number, number, number];
  const window = slidingWindow(node, [height, width], [rows, columns], [3, 3]);
  const [vertical, horizontal] = [axisTransform(window, 0), axisTransform(window, 1)];
  const line = horizontal.tiles * samples;
  const e = new Emitter(b);

  const samplesLast = e.op("Transpose", [node.input[0]!], [inputs, height, width, samples], { perm: [1, 2, 3, 0] });
  const read = transformBoth(e, samplesLast, [vertical.read, horizontal.read]);
  const ofTiles = e.reshape(read, [inputs, tileInputs, vertical.tiles, tileInputs, line]);
  const sorted = e.op("Transpose", [ofTiles], [tileInputs, tileInputs, inputs, vertical.tiles, line], { perm: [1, 3, 0, 2, 4] });
  const transformed = e.reshape(sorted, [products, inputs, vertical.tiles * line]);

  const product = e.op("MatMul", [transformKernels(e, node.input[1]!, outputs, inputs), transformed], [products, outputs, vertical.tiles * line]);
  const ofOutputs = e.reshape(product, [tileInputs, tileInputs, outputs, vertical.tiles, line]);
  const joined = e.op("Transpose", [ofOutputs], [outputs, tileInputs, vertical.tiles, tileInputs, line], { perm: [2, 0, 3, 1, 4] });
  const grid = e.reshape(joined, [outputs, tileInputs * vertical.tiles, tileInputs * horizontal.tiles, samples]);
  const written = transformBoth(e, grid, [vertical.write, horizontal.write]);

  const bias = node.input[2];
  const biased = bias ? e.op("Add", [written, e.reshape(bias, [outputs, 1, 1, 1])], [outputs, rows, columns, samples]) : written;
  e.op("Transpose", [biased], dims.output, { perm: [3, 0, 1, 2] });
  e.nodes.at(-1)!.output = [node.output[0]!];
  return e;
}

/** Adds nodes to a graph and notes them and the dims of their outputs. */
class Emitter implements Substitute {
  readonly nodes: NodeProto[] = [];
  readonly dims = new Map<string, readonly number[]>();

  constructor(readonly builder: GraphBuilder) {}

  op(opType: string, inputs: readonly string[], dims: readonly number[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const output = this.builder.op(opType, inputs, attributes);
    this.nodes.push(this.builder.nodes.at(-1)!);
    this.dims.set(output, dims);
    return output;
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.op("Reshape", [value, this.builder.ints(dims)], dims);
  }

  matrix(values: Matrix): string {
    return this.builder.constant(floatTensor(Float32Array.from(values.flat()), [values.length, values[0]!.length]));
  }

  /** The dims of a value that was emitted here. */
  dimsOf(value: string): readonly number[] {
    return this.dims.get(value)!;
  }
}

type Matrix = readonly (readonly number[])[];

/** What maps one axis: inputs to tiles (`read`, with padding) and tiles to outputs (`write`). Rows and columns of tiles go by place in the tile first. */
interface AxisTransform {
  readonly tiles: number;
  readonly read: Matrix;
  readonly write: Matrix;
}

function axisTransform({ before, input, output }: SlidingWindow, axis: number): AxisTransform {
  const length = output[axis]!;
  const tiles = Math.ceil(length / tileOutputs);
  const places = Array.from({ length: tileInputs * tiles }, (_, i) => ({ place: Math.floor(i / tiles), start: (i % tiles) * tileOutputs }));
  const read = places.map(({ place, start }) => positions(input[axis]!).map((at) => inputTransform[place]![at + before[axis]! - start] ?? 0));
  const write = positions(length).map((at) => places.map(({ place, start }) => outputTransform[at - start]?.[place] ?? 0));
  return { tiles, read, write };
}

function positions(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Multiplies the middle axes of [channels, height, width, samples] each by its matrix. */
function transformBoth(e: Emitter, value: string, [vertical, horizontal]: readonly [Matrix, Matrix]): string {
  const [channels, height, width, samples] = e.dimsOf(value) as [number, number, number, number];
  const [rows, columns] = [vertical.length, horizontal.length];
  if (height * width <= fewPositions) {
    const flat = e.reshape(value, [channels, height * width, samples]);
    const product = e.op("MatMul", [e.matrix(kroneckerProduct(vertical, horizontal)), flat], [channels, rows * columns, samples]);
    return e.reshape(product, [channels, rows, columns, samples]);
  }
  const lines = e.op("MatMul", [e.matrix(horizontal), value], [channels, height, columns, samples]);
  const stacked = e.reshape(lines, [channels, height, columns * samples]);
  return e.reshape(e.op("MatMul", [e.matrix(vertical), stacked], [channels, rows, columns * samples]), [channels, rows, columns, samples]);
}

/** G w G' of every kernel: [36, outputs, inputs] of [outputs, inputs, 3, 3]. */
function transformKernels(e: Emitter, weights: string, outputs: number, inputs: number): string {
  const kernels = e.op("Transpose", [e.reshape(weights, [outputs * inputs, 9])], [9, outputs * inputs], { perm: [1, 0] });
  const both = e.op("MatMul", [e.matrix(kroneckerProduct(kernelTransform, kernelTransform)), kernels], [products, outputs * inputs]);
  return e.reshape(both, [products, outputs, inputs]);
}

function kroneckerProduct(a: Matrix, b: Matrix): Matrix {
  return a.flatMap((rowOfA) => b.map((rowOfB) => rowOfA.flatMap((x) => rowOfB.map((y) => x * y))));
}
