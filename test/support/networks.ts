/** @file Small networks that imitate well-known ones, for tests of graph structure. */
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { Graph } from "../../src/engine/graph/graph.ts";
import { floatTensor } from "../../src/engine/onnx/tensor.ts";

export interface ConvOptions {
  kernel?: number;
  stride?: number;
  /** One filter a channel. */
  depthwise?: boolean;
}

/** Builds a network layer by layer; channels are followed, and layers are named by their weights. */
export class NetworkBuilder extends GraphBuilder {
  readonly #channels = new Map<string, number>();

  /** The image input, 3x16x16 unless said otherwise. */
  image(channels = 3, size = 16): string {
    this.#channels.set("image", channels);
    return this.input("image", "float", ["n", channels, size, size]);
  }

  channelsOf(value: string): number {
    return this.#channels.get(value) ?? 0;
  }

  /** Notes the channels of a value that was made by other means. */
  withChannels(value: string, channels: number): string {
    this.#channels.set(value, channels);
    return value;
  }

  /** A convolution that keeps the size unless it has a stride. */
  conv(name: string, x: string, channels: number, { kernel = 3, stride = 1, depthwise = false }: ConvOptions = {}): string {
    const group = depthwise ? channels : 1;
    const dims = [channels, this.channelsOf(x) / group, kernel, kernel];
    const pad = (kernel - 1) / 2;
    const attributes = { pads: [pad, pad, pad, pad], strides: [stride, stride], group };
    return this.withChannels(this.op("Conv", [x, this.#weight(name, dims)], attributes), channels);
  }

  /** A transposed convolution that doubles the size. */
  up(name: string, x: string, channels: number): string {
    return this.withChannels(this.op("ConvTranspose", [x, this.#weight(name, [this.channelsOf(x), channels, 2, 2])], { strides: [2, 2] }), channels);
  }

  linear(name: string, x: string, features: number): string {
    return this.withChannels(this.op("Gemm", [x, this.#weight(name, [features, this.channelsOf(x)])], { transB: 1 }), features);
  }

  /** An operator that keeps the channels. */
  unary(opType: string, x: string, attributes = {}): string {
    return this.withChannels(this.op(opType, [x], attributes), this.channelsOf(x));
  }

  relu(x: string): string {
    return this.unary("Relu", x);
  }

  convRelu(name: string, x: string, channels: number, options: ConvOptions = {}): string {
    return this.relu(this.conv(name, x, channels, options));
  }

  join(opType: string, x: string, y: string): string {
    return this.withChannels(this.op(opType, [x, y]), this.channelsOf(x));
  }

  sum(x: string, y: string): string {
    return this.join("Add", x, y);
  }

  concat(...values: string[]): string {
    const channels = values.reduce((sum, value) => sum + this.channelsOf(value), 0);
    return this.withChannels(this.op("Concat", values, { axis: 1 }), channels);
  }

  /** The mean over height and width. */
  spatialMean(x: string, keepdims = 0): string {
    return this.unary("ReduceMean", x, { axes: [2, 3], keepdims });
  }

  silu(x: string): string {
    return this.join("Mul", x, this.unary("Sigmoid", x));
  }

  /** Squeeze-and-excitation. */
  squeezeExcite(name: string, x: string, squeezed: number): string {
    const reduced = this.convRelu(`${name}.fc1`, this.spatialMean(x, 1), squeezed, { kernel: 1 });
    return this.join("Mul", x, this.unary("Sigmoid", this.conv(`${name}.fc2`, reduced, this.channelsOf(x), { kernel: 1 })));
  }

  /** Some of the channels. */
  slice(x: string, start: number, end: number): string {
    return this.withChannels(this.op("Slice", [x, this.ints([start]), this.ints([end]), this.ints([1])]), end - start);
  }

  finish(...outputs: string[]): Graph {
    outputs.forEach((value, i) => {
      this.output(value, `output${i}`);
    });
    const graph = new Graph(this.model({ opset: 17 }));
    // The builder's Identity at each output is what a prepared graph no longer has.
    graph.setNodes(graph.nodes.filter(({ opType }) => opType !== "Identity"));
    graph.outputs.forEach((output, i) => {
      output.name = outputs[i]!;
    });
    return graph;
  }

  #weight(name: string, dims: readonly number[]): string {
    const size = dims.reduce((product, dim) => product * dim, 1);
    return this.constant(floatTensor(new Float32Array(size).fill(0.1), dims), `${name}.weight`);
  }
}
