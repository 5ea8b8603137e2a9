/** @file What a sweep keeps of a run's result. */
import type { RunResult } from "../../config/result.ts";
import type { RunFigures } from "../../config/sweepResult.ts";
import { bitCount, quantizedBytes } from "../../config/weightSize.ts";

export function runFigures({ metrics, layers, blocks, size, seconds, peakMemoryBytes }: RunResult): RunFigures {
  const weightsOf = ({ shape }: RunResult["layers"][number]) => shape.reduce((product, side) => product * side, 1);
  const weights = layers.reduce((sum, layer) => sum + weightsOf(layer), 0);
  const bits = layers.reduce((sum, layer) => sum + weightsOf(layer) * bitCount(layer.weightBits), 0);
  return {
    metrics,
    weightBytes: layers.reduce((sum, layer) => sum + quantizedBytes(weightsOf(layer), layer.shape[0] ?? 1, layer.weightBits, "native"), 0),
    fileBytes: size.quantizedBytes,
    fp32Bytes: size.fp32Bytes,
    averageBits: weights === 0 ? 0 : bits / weights,
    steps: blocks.reduce((sum, block) => sum + block.steps, 0),
    seconds,
    peakMemoryBytes,
  };
}
