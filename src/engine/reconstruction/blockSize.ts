/** @file How large a block's training is. */
import type { Network } from "../graph/prepare.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { WeightQuantizer } from "../quantizers/weightQuantizer.ts";
import type { BlockSize } from "./schedule.ts";
import type { Segment } from "./segment.ts";
import { trainedOutputs } from "./trainingStep.ts";

/** The size of a segment whose layers have these quantizers, with so many calibration samples; its positions are those of its largest trained output. */
export function blockSize(network: Network, segment: Segment, quantizers: readonly WeightQuantizer[], samples: number): BlockSize {
  const positions = trainedOutputs(network, segment).map((output) => {
    const dims = network.shapes.shapeOf(output, 1);
    return sizeOf(dims) / (dims[1] ?? 1);
  });
  return {
    weights: quantizers.reduce((sum, { weights }) => sum + weights.length, 0),
    layers: quantizers.length,
    positions: Math.max(1, ...positions),
    samples,
  };
}
