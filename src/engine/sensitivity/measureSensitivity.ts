/**
 * @file The sensitivity of every layer at every candidate number of bits, and of pairs of layers in a block: the
 * inter-layer and intra-layer terms of mixed precision (BRECQ, section 3.4).
 */
import type { CrossSensitivity, LayerSensitivity, PairSensitivity, Sensitivity } from "../../config/sensitivity.ts";
import type { ReportProgress } from "../../protocol/progress.ts";
import { CancelledError } from "../errors.ts";
import type { Network } from "../graph/prepare.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { ScaleSearch } from "../quantizers/scaleSearch.ts";
import type { CacheStore } from "../reconstruction/activationCache.ts";
import type { Cached } from "../reconstruction/reconstruct.ts";
import { forwardBatch, release, runSegment } from "../reconstruction/runSegment.ts";
import { boundary, reconstructionUnits, type Unit } from "../reconstruction/segments.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ChangeStore } from "./changes.ts";
import { ForwardPass } from "./forwardPass.ts";
import { measuredValues, measureName, Probe } from "./probe.ts";
import { roundUnit } from "./roundUnit.ts";

/** In blocks of more layers, pairs are measured at the fewest bits only, where they matter most. */
const layersForAllBits = 3;

export interface SensitivityOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  /** The model's path, for the file. */
  readonly model: string;
  readonly fingerprint: string;
  readonly candidates: readonly number[];
  /** Steps of each block's reconstruction at each candidate. */
  readonly steps: number;
  readonly seed: number;
  /** Calibration samples at the network's inputs. */
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  readonly store: CacheStore;
  readonly changes: ChangeStore;
  /** Only the units at these places: one part of a measurement that is shared out. The result is not complete. */
  readonly only?: ((unit: number) => boolean) | undefined;
  /** An interrupted measurement, or the parts of one, to go on from. */
  readonly begun?: Sensitivity | undefined;
  /** Told of each block's rounded weights, by initializer name. */
  readonly onRounded?: ((bits: number, weights: ReadonlyMap<string, Tensor>) => void) | undefined;
  /** Keeps what is measured so far. */
  readonly save: (sensitivity: Sensitivity) => Promise<void>;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures block by block: rounds the block's weights at each candidate as a uniform quantization would, then takes the loss
 * with one layer or two of them quantized and everything else in FP32.
 * @throws CancelledError when the signal is aborted; what was saved can be gone on from
 */
export async function measureSensitivity(options: SensitivityOptions): Promise<Sensitivity> {
  const { runtime, network, samples, store, signal, report } = options;
  const units = reconstructionUnits(network, "block");
  const candidates = [...new Set(options.candidates)].sort((a, b) => a - b);
  const layers: LayerSensitivity[] = [...(options.begun?.layers ?? [])];
  const pairs: PairSensitivity[] = [...(options.begun?.pairs ?? [])];
  const changes = new Map<string, Float32Array[]>();
  const state = (complete: boolean, crossings: CrossSensitivity[] = []): Sensitivity => ({
    model: options.model,
    fingerprint: options.fingerprint,
    measure: measureName,
    candidates,
    samples,
    complete,
    layers: [...layers],
    pairs: [...pairs],
    crossings,
  });
  report({ type: "phase", phase: "sensitivity", message: `Measuring the sensitivity of ${network.layers.length} layers` });
  const search = await ScaleSearch.create(runtime);
  const forward = new ForwardPass({ runtime, network, units, inputs: options.inputs, samples, store, signal });
  const targets = await networkTargets(options, units);
  try {
    for (const [index, unit] of units.entries()) {
      if (signal?.aborted) throw new CancelledError();
      await forward.pass(unit, index, async () => {
        const wanted = unit.layers.length > 0 && (options.only?.(index) ?? true);
        if (wanted && !(await isMeasured(unit))) await measureUnit(unit, index);
      });
    }
  } catch (error) {
    throw signal?.aborted ? new CancelledError() : error;
  } finally {
    forward.releaseAll();
    for (const cached of targets.values()) release(cached);
    await search.release();
  }
  if (options.only) return state(false);
  sortByPlace(units, layers, pairs);
  const complete = state(true, crossings());
  await options.save(complete);
  return complete;

  async function isMeasured(unit: Unit): Promise<boolean> {
    const wanted = layerPairs(unit).length * (unit.layers.length > layersForAllBits ? 1 : candidates.length ** 2);
    const names = new Set(unit.layers.map(({ name }) => name));
    const hasLayers = layers.filter(({ layer }) => names.has(layer)).length === names.size;
    if (!hasLayers || pairs.filter((pair) => names.has(pair.layers[0])).length !== wanted) return false;
    for (const layer of unit.layers) {
      const kept = await options.changes.load(network.layers.indexOf(layer));
      if (!kept) return false;
      changes.set(layer.name, kept);
    }
    return true;
  }

  async function measureUnit(unit: Unit, index: number): Promise<void> {
    dropPartsOf(unit);
    const held = (name: string) => forward.value(name);
    const rounded = new Map<number, Map<string, Tensor>>();
    for (const bits of candidates) {
      const weights = await roundUnit({ ...options, search, unit, index, bits, held });
      rounded.set(bits, weights);
      options.onRounded?.(bits, weights);
    }
    const probe = await Probe.create({
      ...options,
      unit,
      rest: units.slice(index + 1).flatMap(({ nodes }) => nodes),
      targets,
      held,
      batch: network.shapes.fixedBatch ?? forwardBatch,
    });
    try {
      await measureLayers(unit, rounded, probe);
      await measurePairs(unit, rounded, probe);
    } finally {
      await probe.release();
    }
  }

  /** A unit that was cut off midway is measured anew. */
  function dropPartsOf(unit: Unit): void {
    const names = new Set(unit.layers.map(({ name }) => name));
    const remove = <T>(list: T[], isOf: (entry: T) => boolean) => list.splice(0, list.length, ...list.filter((entry) => !isOf(entry)));
    remove(layers, ({ layer }) => names.has(layer));
    remove(pairs, (pair) => names.has(pair.layers[0]));
  }

  async function measureLayers(unit: Unit, rounded: ReadonlyMap<number, ReadonlyMap<string, Tensor>>, probe: Probe): Promise<void> {
    for (const layer of unit.layers) {
      const { name, weight } = layer;
      const losses: Record<string, number> = {};
      const own: Float32Array[] = [];
      for (const bits of candidates) {
        const { loss, change } = await probe.change(new Map([[weight, rounded.get(bits)!.get(weight)!]]));
        own.push(change);
        losses[bits] = loss;
        report({ type: "layer-sensitivity", layer: name, block: unit.name, bits, loss });
      }
      changes.set(name, own);
      await options.changes.save(network.layers.indexOf(layer), own);
      layers.push({ layer: name, block: unit.name, losses });
      await options.save(state(false));
    }
  }

  async function measurePairs(unit: Unit, rounded: ReadonlyMap<number, ReadonlyMap<string, Tensor>>, probe: Probe): Promise<void> {
    const measuredBits = unit.layers.length > layersForAllBits ? candidates.slice(0, 1) : candidates;
    const alone = new Map(layers.map(({ layer, losses }) => [layer, losses]));
    for (const [first, second] of layerPairs(unit)) {
      for (const firstBits of measuredBits) {
        for (const secondBits of measuredBits) {
          const weights = new Map([
            [first.weight, rounded.get(firstBits)!.get(first.weight)!],
            [second.weight, rounded.get(secondBits)!.get(second.weight)!],
          ]);
          const together = await probe.loss(weights);
          pairs.push({
            block: unit.name,
            layers: [first.name, second.name],
            bits: [firstBits, secondBits],
            loss: together - alone.get(first.name)![firstBits]! - alone.get(second.name)![secondBits]!,
          });
        }
      }
    }
    await options.save(state(false));
  }

  /**
   * Terms of the pairs that are not measured, mostly across blocks. To first order the outputs' changes add up, so that the squared error of two
   * has twice the product of their changes on top.
   */
  function crossings(): CrossSensitivity[] {
    const key = (first: string, firstBits: number, second: string, secondBits: number) => JSON.stringify([first, firstBits, second, secondBits]);
    const measured = new Set(pairs.map((pair) => key(pair.layers[0], pair.bits[0], pair.layers[1], pair.bits[1])));
    const found: CrossSensitivity[] = [];
    for (const [i, { layer: first }] of layers.entries()) {
      for (const { layer: second } of layers.slice(i + 1)) {
        for (const [x, firstBits] of candidates.entries()) {
          for (const [y, secondBits] of candidates.entries()) {
            if (measured.has(key(first, firstBits, second, secondBits))) continue;
            const loss = 2 * product(changes.get(first)![x]!, changes.get(second)![y]!);
            found.push([first, firstBits, second, secondBits, Number(loss.toPrecision(4))]);
          }
        }
      }
    }
    return found;
  }
}

/** In the order of the network, whoever measured what. */
function sortByPlace(units: readonly Unit[], layers: LayerSensitivity[], pairs: PairSensitivity[]): void {
  const places = new Map(units.flatMap((unit) => unit.layers).map(({ name }, place) => [name, place]));
  const unitPlaces = new Map(units.flatMap((unit, place) => unit.layers.map(({ name }): [string, number] => [name, place])));
  layers.sort((a, b) => places.get(a.layer)! - places.get(b.layer)!);
  // Stable: within a unit they keep the order in which they were measured.
  pairs.sort((a, b) => unitPlaces.get(a.layers[0])! - unitPlaces.get(b.layers[0])!);
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function layerPairs({ layers }: Unit): [Unit["layers"][number], Unit["layers"][number]][] {
  return layers.flatMap((first, i) => layers.slice(i + 1).map((second): [typeof first, typeof first] => [first, second]));
}

/** What FP32 gives at the values where the error is measured. */
async function networkTargets(options: SensitivityOptions, units: readonly Unit[]): Promise<Map<string, Cached>> {
  const { runtime, network, samples, store, signal } = options;
  const { inputs } = boundary(network, network.graph.nodes);
  const segment = { nodes: network.graph.nodes, inputs, outputs: measuredValues(network, units) };
  const cached = inputs.map((input) => options.inputs.get(input)!);
  return await runSegment({ runtime, network, segment, inputs: cached, samples, batch: forwardBatch, store, signal });
}
