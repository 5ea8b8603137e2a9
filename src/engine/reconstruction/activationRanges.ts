/** @file The first grids of the activations that a unit quantizes, searched on what its calibration samples give there. */
import { CancelledError } from "../errors.ts";
import type { Network } from "../graph/prepare.ts";
import { floatData, sizeOf } from "../onnx/tensor.ts";
import type { PlannedActivation } from "../quantizers/activationPlan.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { searchActivationGrid, ValueSample } from "../quantizers/activationRange.ts";
import type { ScaleSearch } from "../quantizers/scaleSearch.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Cached } from "./reconstruct.ts";
import { forwardBatch, readRows, sessionOptions } from "./runSegment.ts";
import { type Segment, segmentModel } from "./segment.ts";

/** Grids are searched on values of so many samples. */
const rangeSamples = 256;

export interface RangeOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly segment: Segment;
  /** What the quantized prefix gives at the segment's inputs. */
  readonly inputs: readonly Cached[];
  readonly samples: number;
  readonly search: ScaleSearch;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Grids of the planned values: first of those that the segment is given, then of those that it makes with these quantized.
 * @param settled values whose grids an earlier segment chose
 */
export async function searchRanges(
  options: RangeOptions,
  planned: readonly PlannedActivation[],
  settled: readonly ActivationQuantization[],
): Promise<ActivationQuantization[]> {
  const { segment } = options;
  const atInputs = await gridsOf(planned.filter(({ value }) => segment.inputs.includes(value)));
  const inside = await gridsOf(
    planned.filter(({ value }) => !segment.inputs.includes(value)),
    [...settled, ...atInputs],
  );
  const found = new Map([...atInputs, ...inside].map((activation) => [activation.value, activation]));
  return planned.map(({ value }) => found.get(value)!);

  async function gridsOf(wanted: readonly PlannedActivation[], activations: readonly ActivationQuantization[] = []) {
    if (wanted.length === 0) return [];
    const values = await sampleValues(
      options,
      wanted.map(({ value }) => value),
      activations,
    );
    const grids: ActivationQuantization[] = [];
    for (const [i, activation] of wanted.entries()) {
      grids.push({ ...activation, ...(await searchActivationGrid(options.search, values[i]!, activation.bits)) });
    }
    return grids;
  }
}

/** Some of the values that a segment reads or makes, in a streamed pass: whole tensors of all samples may not fit memory. */
async function sampleValues(
  { runtime, network, segment, inputs, samples, signal }: RangeOptions,
  names: readonly string[],
  activations: readonly ActivationQuantization[],
): Promise<Float32Array[]> {
  const count = Math.min(samples, rangeSamples);
  const batch = network.shapes.fixedBatch ?? forwardBatch;
  const collected = names.map((name) => new ValueSample(sizeOf(network.shapes.shapeOf(name, count))));
  const made = names.filter((name) => !segment.inputs.includes(name));
  const session =
    made.length > 0
      ? await runtime.createSession(segmentModel(network, { ...segment, outputs: made }, { activations }), sessionOptions(activations))
      : undefined;
  try {
    for (let start = 0; start < count; start += batch) {
      if (signal?.aborted) throw new CancelledError();
      const given = Object.fromEntries(segment.inputs.map((input, i) => [input, readRows(inputs[i]!, start, Math.min(batch, count - start))]));
      const results = { ...given, ...(await session?.run(given)) };
      names.forEach((name, i) => {
        collected[i]!.add(floatData(results[name]!));
      });
      await new Promise(setImmediate);
    }
  } finally {
    await session?.release();
  }
  return collected.map(({ values }) => values);
}
