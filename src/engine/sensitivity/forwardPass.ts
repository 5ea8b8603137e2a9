/** @file The calibration samples on their way through the FP32 network, unit by unit. */
import type { Network } from "../graph/prepare.ts";
import type { CacheStore } from "../reconstruction/activationCache.ts";
import type { Cached } from "../reconstruction/reconstruct.ts";
import { forwardBatch, release, runSegment } from "../reconstruction/runSegment.ts";
import type { Unit } from "../reconstruction/segments.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface ForwardOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly units: readonly Unit[];
  /** Calibration samples at the network's inputs. */
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  readonly store: CacheStore;
  readonly signal?: AbortSignal | undefined;
}

/** The FP32 values at the place that the pass has reached: each is held up to its last reader. */
export class ForwardPass {
  readonly #options: ForwardOptions;
  readonly #lastReader = new Map<string, number>();
  readonly #values: Map<string, Cached>;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#values = new Map(options.inputs);
    options.units.forEach((unit, index) => {
      for (const input of unit.inputs) this.#lastReader.set(input, index);
    });
  }

  /** A value that units from here on read. */
  value(name: string): Cached {
    const cached = this.#values.get(name);
    if (!cached) throw new Error(`internal: the value "${name}" is not held at this place of the network`);
    return cached;
  }

  /** Runs the unit; its inputs and outputs are held while `visit` looks at them. */
  async pass(unit: Unit, index: number, visit: () => Promise<void>): Promise<void> {
    const { runtime, network, samples, store, signal } = this.#options;
    const inputs = unit.inputs.map((input) => this.value(input));
    const outputs = await runSegment({ runtime, network, segment: unit, inputs, samples, batch: forwardBatch, store, signal });
    for (const [output, cached] of outputs) this.#values.set(output, cached);
    await visit();
    this.#releaseUpTo(index);
  }

  #releaseUpTo(index: number): void {
    for (const [name, cached] of [...this.#values]) {
      if ((this.#lastReader.get(name) ?? -1) > index) continue;
      if (this.#options.inputs.get(name) !== cached) release(cached);
      this.#values.delete(name);
    }
  }

  releaseAll(): void {
    this.#releaseUpTo(Number.POSITIVE_INFINITY);
  }
}
