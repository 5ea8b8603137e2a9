/** @file A block's weights rounded to each candidate number of bits, as a uniform quantization of the block would round them. */
import { createRandom } from "../data/random.ts";
import type { Network } from "../graph/prepare.ts";
import type { Tensor } from "../onnx/tensor.ts";
import type { ScaleSearch } from "../quantizers/scaleSearch.ts";
import { weightConstants } from "../quantizers/weightQuantization.ts";
import { fitWeightQuantizer, nearestLevels, weightQuantization } from "../quantizers/weightQuantizer.ts";
import type { ActivationCache, CacheStore } from "../reconstruction/activationCache.ts";
import { blockSize } from "../reconstruction/blockSize.ts";
import { type Cached, reconstruct } from "../reconstruction/reconstruct.ts";
import { cacheDistance, forwardBatch, release, runSegment } from "../reconstruction/runSegment.ts";
import { shortSchedule } from "../reconstruction/schedule.ts";
import type { Unit } from "../reconstruction/segments.ts";
import { trainedOutputs } from "../reconstruction/trainingStep.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** From so many bits on, nearest rounding is as good as reconstruction. */
const nearestBits = 8;

export interface RoundOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly search: ScaleSearch;
  readonly unit: Unit;
  readonly index: number;
  readonly bits: number;
  /** Steps of reconstruction; 0 rounds to nearest. */
  readonly steps: number;
  readonly seed: number;
  readonly held: (name: string) => Cached;
  readonly samples: number;
  readonly store: CacheStore;
  readonly signal?: AbortSignal | undefined;
}

/** The weights of a unit's layers at these bits, reconstructed together on FP32 inputs; by initializer name. */
export async function roundUnit(options: RoundOptions): Promise<Map<string, Tensor>> {
  const { runtime, network, search, unit, bits, steps, seed, held, samples, signal } = options;
  const quantizers = [];
  for (const layer of unit.layers) {
    // Biases stay as they are: what is measured is the change of a layer's weights.
    quantizers.push({ ...(await fitWeightQuantizer(search, network.graph, layer, bits)), bias: undefined });
  }
  const nearest = quantizers.map((quantizer) => weightQuantization(quantizer, nearestLevels(quantizer)));
  if (bits >= nearestBits || steps === 0) return weightConstants(nearest);
  const outputs = trainedOutputs(network, unit);
  const inputs = unit.inputs.map(held);
  const targets = outputs.map((output) => held(output) as ActivationCache);
  const { levels, channels } = await reconstruct({
    runtime,
    network,
    segment: unit,
    quantizers,
    inputs,
    fp32Inputs: inputs,
    targets,
    samples,
    schedule: shortSchedule(steps, blockSize(network, unit, quantizers, samples)),
    nearestLoss: await nearestLoss(options, outputs, weightConstants(nearest)),
    random: createRandom(seed, options.index),
    signal,
  });
  return weightConstants(quantizers.map((quantizer, i) => weightQuantization(quantizer, levels[i]!, channels[i])));
}

async function nearestLoss(
  { runtime, network, unit, held, samples, store, signal }: RoundOptions,
  outputs: readonly string[],
  constants: ReadonlyMap<string, Tensor>,
): Promise<number> {
  const inputs = unit.inputs.map(held);
  const made = await runSegment({ runtime, network, segment: { ...unit, outputs }, inputs, samples, batch: forwardBatch, store, constants, signal });
  const distances = outputs.map((output) => cacheDistance(made.get(output) as ActivationCache, held(output) as ActivationCache, forwardBatch));
  for (const cached of made.values()) release(cached);
  return distances.reduce((sum, distance) => sum + distance, 0);
}
