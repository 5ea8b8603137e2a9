/**
 * @file The calibration samples on their way through the FP32 network and through the quantized one, unit by
 * unit. A value is held from the unit that makes it to the last unit that reads it.
 */
import type { Network } from "../graph/prepare.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ActivationCache, CacheStore } from "./activationCache.ts";
import type { Cached } from "./reconstruct.ts";
import { forwardBatch, release, runSegment } from "./runSegment.ts";
import type { SegmentQuantization } from "./segment.ts";
import type { Unit } from "./segments.ts";
import { trainedOutputs } from "./trainingStep.ts";

interface ActivationsOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly units: readonly Unit[];
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  readonly store: CacheStore;
  readonly signal?: AbortSignal | undefined;
}

/** What a unit is quantized for. */
export interface UnitData {
  /** What the quantized part gives at the unit's inputs. */
  readonly inputs: readonly Cached[];
  /** What FP32 gives there. */
  readonly fp32Inputs: readonly Cached[];
  /** What FP32 makes of them at the trained outputs. */
  readonly targets: readonly ActivationCache[];
}

/** Gives the unit's quantized constants and activations. */
export type QuantizeUnit = (data: UnitData) => Promise<Required<SegmentQuantization>>;

export class Activations {
  readonly #options: ActivationsOptions;
  readonly #lastReader = new Map<string, number>();
  readonly #fp32: Map<string, Cached>;
  readonly #quantized: Map<string, Cached>;

  constructor(options: ActivationsOptions) {
    this.#options = options;
    // Until something is quantized both networks share their values.
    this.#fp32 = new Map(options.inputs);
    this.#quantized = new Map(options.inputs);
    options.units.forEach((unit, index) => {
      for (const input of unit.inputs) this.#lastReader.set(input, index);
    });
  }

  /** Runs a unit in both networks; in between, `quantize` chooses its constants. Units must be passed in order, each once. */
  async pass(unit: Unit, index: number, quantize: QuantizeUnit): Promise<void> {
    const { network } = this.#options;
    const fp32Inputs = unit.inputs.map((input) => this.#fp32.get(input)!);
    const quantizedInputs = unit.inputs.map((input) => this.#quantized.get(input)!);
    const fp32Outputs = await this.#run(unit, fp32Inputs);
    for (const [output, cached] of fp32Outputs) this.#fp32.set(output, cached);
    const targets = trainedOutputs(network, unit).map((output) => fp32Outputs.get(output) as ActivationCache);
    const { constants, activations } = await quantize({ inputs: quantizedInputs, fp32Inputs, targets });
    const same = !constants?.size && !activations?.length && fp32Inputs.every((input, i) => input === quantizedInputs[i]);
    const outputs = same ? fp32Outputs : await this.#run(unit, quantizedInputs, { constants, activations });
    for (const [output, cached] of outputs) this.#quantized.set(output, cached);
    this.#releaseUpTo(index);
  }

  #run(segment: Unit, inputs: readonly Cached[], quantization?: SegmentQuantization): Promise<Map<string, Cached>> {
    const { runtime, network, samples, store, signal } = this.#options;
    return runSegment({ runtime, network, segment, inputs, samples, batch: forwardBatch, store, signal, ...quantization });
  }

  /** Drops the values that no unit after `index` reads. */
  #releaseUpTo(index: number): void {
    for (const value of [...this.#fp32.keys()]) {
      if ((this.#lastReader.get(value) ?? -1) > index) continue;
      const fp32 = this.#fp32.get(value)!;
      const quantized = this.#quantized.get(value);
      release(fp32);
      if (quantized && quantized !== fp32) release(quantized);
      this.#fp32.delete(value);
      this.#quantized.delete(value);
    }
  }

  releaseAll(): void {
    this.#releaseUpTo(Number.POSITIVE_INFINITY);
  }
}
