import type { GraphBuilder } from "../graph/builder.ts";
import { floatTensor } from "../onnx/tensor.ts";

/**
 * Repeats every element of a `float` value [batch, channels, …] along its spatial axes. ONNX Runtime's Resize does it many times as fast
 * as Expand between the axes (1.7 against 103 ms to 32x64x56x56).
 */
export function repeatElements(b: GraphBuilder, value: string, repeats: readonly number[]): string {
  const attributes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
  return b.op("Resize", [value, "", b.constant(floatTensor([1, 1, ...repeats]))], attributes);
}
