import { isAbsolute } from "node:path";
import type { LayerDetails } from "../../config/layerDetails.ts";
import type { RunResult } from "../../config/result.ts";
import type { WorkerProcess } from "../../worker/workerProcess.ts";
import type { WorkerLauncher } from "../workerLauncher.ts";

export interface DetailsQuestion {
  layer: string;
  bits: number | undefined;
  /** Of the run that is shown, where it has one. */
  result: RunResult | undefined;
}

/** Asks workers about layers, about one at a time: the newest question counts. */
export class DetailsRequest {
  private readonly model: string;
  private readonly launcher: WorkerLauncher;
  private readonly cache = new Map<string, LayerDetails>();
  private ticket = 0;
  private worker: WorkerProcess | undefined;

  constructor(model: string, launcher: WorkerLauncher) {
    this.model = model;
    this.launcher = launcher;
  }

  /** Undefined where another question came meanwhile, or the worker could not answer. */
  async ask({ layer, bits, result }: DetailsQuestion): Promise<LayerDetails | undefined> {
    const ticket = ++this.ticket;
    this.worker?.kill();
    const stored = result?.layers.find(({ name }) => name === layer);
    // The run's own grid tells nothing of bits that were changed since.
    const quantized = result && stored?.weightBits === bits && isAbsolute(result.output) ? result.output : undefined;
    const key = JSON.stringify([layer, bits, quantized, result?.seconds]);
    const known = this.cache.get(key) ?? (await this.launch(layer, bits, quantized, ticket));
    if (!known || ticket !== this.ticket) return undefined;
    this.cache.set(key, known);
    return { ...known, flipped: quantized === undefined ? undefined : stored?.flipped };
  }

  /** The model has changed. */
  forget(): void {
    this.cache.clear();
  }

  dispose(): void {
    this.ticket++;
    this.worker?.kill();
  }

  private async launch(layer: string, bits: number | undefined, quantized: string | undefined, ticket: number): Promise<LayerDetails | undefined> {
    const worker = await this.launcher.launch((runtime) => ({ job: "layer-details", model: this.model, layer, bits, quantized, runtime }));
    if (ticket !== this.ticket) {
      worker.kill();
      return undefined;
    }
    this.worker = worker;
    const outcome = await worker.finished;
    if (this.worker === worker) this.worker = undefined;
    if (outcome.kind === "done" && outcome.result.job === "layer-details") return outcome.result.details;
    // The exported file may be gone: the search's grid is shown in its place.
    return quantized !== undefined && ticket === this.ticket ? this.launch(layer, bits, undefined, ticket) : undefined;
  }
}
