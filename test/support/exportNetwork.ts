/** @file Builds small networks with random weights and biases, and notes what can be quantized in them. */
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { type FloatTensor, floatTensor } from "../../src/engine/onnx/tensor.ts";
import { TestRandom } from "./random.ts";

/** A layer's weights, with the axis of its output channels. */
export interface LayerWeight {
  readonly layer: string;
  readonly weight: string;
  readonly axis: number;
}

export class ExportNetwork extends GraphBuilder {
  readonly layers: LayerWeight[] = [];
  /** Values that layers, Add and MaxPool read. */
  readonly values: string[] = [];
  readonly #random = new TestRandom(7);
  readonly #channels = new Map<string, number>();
  #input: readonly number[] = [];

  /** The input of an image network, three channels of 8x8. */
  image(): string {
    this.#input = [2, 3, 8, 8];
    return this.#of(3, this.input("x", "float", ["n", 3, 8, 8]));
  }

  /** The input of a network of matrix products. */
  row(): string {
    this.#input = [5, 10];
    return this.#of(10, this.input("x", "float", ["n", 10]));
  }

  /** Random numbers for the input. */
  feeds(): Record<string, FloatTensor> {
    return { x: this.#tensor(this.#input, 1) };
  }

  /** The rank of the output, with the batch first. */
  outputDims(): string[] {
    return this.#input.map((_, axis) => (axis === 0 ? "n" : `d${axis}`));
  }

  conv(name: string, x: string, channels: number, group = 1): string {
    const weight = this.#weight(name, [channels, this.#channels.get(x)! / group, 3, 3], 0);
    return this.#of(channels, this.op("Conv", [this.#read(x), weight, this.#bias(name, channels)], { pads: [1, 1, 1, 1], group }, { name }));
  }

  /** `channels` are those of one group. */
  convTranspose(name: string, x: string, channels: number, group: number): string {
    const weight = this.#weight(name, [this.#channels.get(x)!, channels, 2, 2], 1);
    const inputs = [this.#read(x), weight, this.#bias(name, channels * group)];
    return this.#of(channels * group, this.op("ConvTranspose", inputs, { strides: [2, 2], group }, { name }));
  }

  gemm(name: string, x: string, channels: number, transB: 0 | 1): string {
    const rows = this.#channels.get(x)!;
    const weight = transB ? this.#weight(name, [channels, rows], 0) : this.#weight(name, [rows, channels], 1);
    return this.#of(channels, this.op("Gemm", [this.#read(x), weight, this.#bias(name, channels)], { transB }, { name }));
  }

  matMul(name: string, x: string, channels: number): string {
    const weight = this.#weight(name, [this.#channels.get(x)!, channels], 1);
    const product = this.op("MatMul", [this.#read(x), weight], {}, { name });
    return this.#of(channels, this.op("Add", [product, this.#bias(name, channels)]));
  }

  relu(x: string): string {
    return this.#of(this.#channels.get(x)!, this.op("Relu", [x]));
  }

  maxPool(x: string): string {
    return this.#of(this.#channels.get(x)!, this.op("MaxPool", [this.#read(x)], { kernel_shape: [2, 2], strides: [2, 2] }));
  }

  sum(x: string, y: string): string {
    return this.#of(this.#channels.get(x)!, this.op("Add", [this.#read(x), this.#read(y)]));
  }

  #read(x: string): string {
    if (!this.values.includes(x)) this.values.push(x);
    return x;
  }

  #of(channels: number, value: string): string {
    this.#channels.set(value, channels);
    return value;
  }

  #weight(name: string, dims: readonly number[], axis: number): string {
    const weight = this.constant(this.#tensor(dims, 0.5), `${name}.weight`);
    this.layers.push({ layer: name, weight, axis });
    return weight;
  }

  #bias(name: string, channels: number): string {
    return this.constant(this.#tensor([channels], 0.5), `${name}.bias`);
  }

  /** Not symmetric around 0, so that zero points differ. */
  #tensor(dims: readonly number[], magnitude: number): FloatTensor {
    return floatTensor(Float32Array.from(this.#random.tensor(dims, -magnitude, 1.3 * magnitude).data), dims);
  }
}
