/** @file The rule by which a layer of a run gets its bits. */
import type { Bits, RunConfig } from "./schema.ts";

export interface LayerBits {
  readonly weights: Bits;
  readonly activations: Bits;
}

/**
 * The bits of one layer: its override, else for the network's ends `firstLast`, else the run's own. Activations of a run that keeps them in FP32
 * are so at the ends too.
 * @param isEnd whether it is one of the network's first or last layers
 */
export function layerBits(
  run: Pick<RunConfig, "weights" | "activations" | "firstLast">,
  isEnd: boolean,
  override: { readonly weights?: Bits; readonly activations?: Bits } = {},
): LayerBits {
  return {
    weights: override.weights ?? (isEnd ? run.firstLast : run.weights),
    activations: override.activations ?? (run.activations === "fp32" ? "fp32" : isEnd ? run.firstLast : run.activations),
  };
}
