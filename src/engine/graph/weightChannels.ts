/** @file Which input and output channel each weight of a layer belongs to. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { intAttribute } from "./attributes.ts";
import { isOperator } from "./subgraphs.ts";

/** A way to count a weight tensor's channels. */
export interface WeightChannels {
  readonly channels: number;
  /** The channel of the weight at a flat index. */
  readonly channelOf: (index: number) => number;
}

/**
 * Output channels of a Conv, ConvTranspose, Gemm or MatMul.
 * @param dims dims of its weights; for MatMul two
 */
export function outputChannels(node: NodeProto, dims: readonly number[]): WeightChannels {
  const [first, second] = dims as [number, number];
  if (isOperator(node, "Gemm", "MatMul")) return matrixChannels(dims, isTransposed(node) ? 0 : 1);
  const kernel = kernelSize(dims);
  if (isOperator(node, "Conv")) return { channels: first, channelOf: (index) => Math.floor(index / (second * kernel)) };
  // ConvTranspose: [input channels, output channels of a group, kernel]; input channels lie group by group.
  const groups = intAttribute(node, "group", 1);
  return {
    channels: second * groups,
    channelOf: (index) => {
      const group = Math.floor(index / ((first / groups) * second * kernel));
      return group * second + (Math.floor(index / kernel) % second);
    },
  };
}

/** Input channels; parameters as for {@link outputChannels}. */
export function inputChannels(node: NodeProto, dims: readonly number[]): WeightChannels {
  const [first, second] = dims as [number, number];
  if (isOperator(node, "Gemm", "MatMul")) return matrixChannels(dims, isTransposed(node) ? 1 : 0);
  const kernel = kernelSize(dims);
  if (isOperator(node, "ConvTranspose")) return { channels: first, channelOf: (index) => Math.floor(index / (second * kernel)) };
  // Conv: [output channels, input channels of a group, kernel]; output channels lie group by group.
  const groups = intAttribute(node, "group", 1);
  return {
    channels: second * groups,
    channelOf: (index) => {
      const group = Math.floor(index / ((first / groups) * second * kernel));
      return group * second + (Math.floor(index / kernel) % second);
    },
  };
}

function isTransposed(node: NodeProto): boolean {
  return intAttribute(node, "transB", 0) !== 0;
}

function matrixChannels([rows, columns]: readonly number[], axis: 0 | 1): WeightChannels {
  return axis === 0
    ? { channels: rows!, channelOf: (index) => Math.floor(index / columns!) }
    : { channels: columns!, channelOf: (index) => index % columns! };
}

function kernelSize(dims: readonly number[]): number {
  return dims.slice(2).reduce((product, dim) => product * dim, 1);
}
