import type { LayerFacts } from "../../../src/config/networkGraph.ts";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import type { State } from "../state/state.ts";

export interface ValueRange {
  from: number;
  to: number;
}

/** Tells the range of what a layer reads: as the shown run quantized it, else as it is known from the layer's details. */
export function activationRanges(run: ShownRun, details: State["details"]): (layer: LayerFacts) => ValueRange | undefined {
  const quantized = new Map(
    run.activations.map(({ value, bits, scale, zeroPoint }) => [value, { from: 0 - zeroPoint * scale, to: (2 ** bits - 1 - zeroPoint) * scale }]),
  );
  return ({ name, input }) => (input === undefined ? undefined : quantized.get(input)) ?? details[name]?.activation;
}
