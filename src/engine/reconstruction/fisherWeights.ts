/**
 * @file The weights of the loss "fisher": the squared gradient of the task loss at each element of the units' outputs, per sample
 * (BRECQ, section 3.2 and equation 10: the diagonal of the Fisher information).
 */
import type { ReportProgress } from "../../protocol/progress.ts";
import { createRandom } from "../data/random.ts";
import { CancelledError } from "../errors.ts";
import type { Network } from "../graph/prepare.ts";
import { floatData, sizeOf, type Tensor } from "../onnx/tensor.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ActivationCache, CacheStore } from "./activationCache.ts";
import { affordableBatch } from "./affordableBatch.ts";
import { drawFeeds, findTaskLoss, gradientModel, reachableByGradients, squaredGradient } from "./fisherGradient.ts";
import type { Cached } from "./reconstruct.ts";
import { forwardBatch, readRows, release } from "./runSegment.ts";
import type { Unit } from "./segments.ts";
import { trainedOutputs } from "./trainingStep.ts";

/** The stream of random numbers that classes and errors are drawn from; units have the streams from 0 up. */
const randomStream = 1_000_003;

export interface FisherOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  /** The units that are trained. */
  readonly units: readonly Unit[];
  /** Calibration samples at the network's inputs. */
  readonly inputs: ReadonlyMap<string, Cached>;
  readonly samples: number;
  /** The class of each sample; without, classes are drawn from what the network itself predicts. */
  readonly labels?: Int32Array | undefined;
  readonly seed: number;
  readonly store: CacheStore;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Weights of the units' trained outputs. */
export interface FisherWeights {
  /** One cache for each trained output; undefined where the unit's errors count alike. */
  of(unit: Unit): readonly ActivationCache[] | undefined;
  release(unit: Unit): void;
  releaseAll(): void;
  /** Which units have no weights, and why. */
  readonly warnings: readonly string[];
}

/**
 * Runs the FP32 network forwards and backwards on all samples, and keeps the squared gradients at all units' outputs.
 * The loss is summed over the batch, so that each row's gradient is of its own sample alone.
 * @throws CancelledError when the signal is aborted
 */
export async function fisherWeights(options: FisherOptions): Promise<FisherWeights> {
  const { network, units, report } = options;
  report({ type: "phase", phase: "reconstruction", message: "Measuring the Fisher information of the blocks' outputs" });
  const task = findTaskLoss(network);
  const { reachable, obstacle } = reachableByGradients(network, task);
  const outputsOf = new Map(units.map((unit) => [unit, trainedOutputs(network, unit)]));
  const weighted = units.filter((unit) => outputsOf.get(unit)!.every((output) => reachable.has(output)));
  const squares = await squaredGradients(options, [...new Set(weighted.flatMap((unit) => outputsOf.get(unit)!))]);
  const weights = new Map<Unit, readonly ActivationCache[]>();
  for (const unit of weighted) {
    const caches = outputsOf.get(unit)!.map((output) => squares.get(output)!);
    if (normalize(caches)) weights.set(unit, caches);
    else caches.forEach(release);
  }
  const plain = units.filter((unit) => !weights.has(unit)).map(({ name }) => `"${name}"`);
  const reason = obstacle ? `no gradient of the outputs reaches them (${obstacle})` : "the outputs do not depend on them";
  return {
    of: (unit) => weights.get(unit),
    release: drop,
    releaseAll: () => {
      for (const unit of [...weights.keys()]) drop(unit);
    },
    warnings: plain.length > 0 ? [`${plain.join(", ")}: trained with the loss "mse" instead of "fisher", because ${reason}.`] : [],
  };

  function drop(unit: Unit): void {
    weights.get(unit)?.forEach(release);
    weights.delete(unit);
  }
}

async function squaredGradients(options: FisherOptions, values: readonly string[]): Promise<Map<string, ActivationCache>> {
  const { runtime, network, inputs, samples, labels, seed, store, report, signal } = options;
  const caches = new Map<string, ActivationCache>();
  if (values.length === 0) return caches;
  const batch = Math.min(affordableBatch(network, network.graph.nodes, forwardBatch), samples);
  const task = findTaskLoss(network);
  const random = createRandom(seed, randomStream);
  const session = await runtime.createSession(gradientModel(network, { task, values, batch, labelled: labels !== undefined }));
  try {
    for (const value of values) caches.set(value, store.create(samples, network.shapes.shapeOf(value, 1)));
    for (let done = 0; done < samples; done += batch) {
      if (signal?.aborted) throw new CancelledError();
      // The model has one batch size: the last batch begins earlier where samples are left over.
      const start = Math.min(done, samples - batch);
      const given = Object.fromEntries([...inputs].map(([name, cached]): [string, Tensor] => [name, readRows(cached, start, batch)]));
      const results = await session.run({ ...given, ...drawFeeds(network, task, random, batch, labels?.subarray(start, start + batch)) });
      values.forEach((value, i) => {
        caches.get(value)!.write(start, floatData(results[squaredGradient(i)]!));
      });
      report({ type: "count", label: "Fisher information", done: Math.min(done + batch, samples), total: samples });
      await new Promise(setImmediate);
    }
  } catch (error) {
    for (const cache of caches.values()) cache.release();
    throw error;
  } finally {
    await session.release();
  }
  return caches;
}

/**
 * Turns a unit's squared gradients into weights, in place. The mean weight is 1, so that the loss is as large as the plain one and what is
 * set relative to it (the regularizer's λ) keeps its meaning. The loss averages over positions, Fisher information adds up: where outputs
 * have different numbers of positions, each counts as often as it has.
 * @returns false where all gradients are zero
 */
function normalize(caches: readonly ActivationCache[]): boolean {
  const positions = caches.map(({ dims }) => sizeOf(dims) / (dims[1] ?? 1));
  let sum = 0;
  let count = 0;
  for (const [j, cache] of caches.entries()) {
    eachBatch(cache, (data) => {
      for (const value of data) sum += positions[j]! * value;
      count += data.length;
    });
  }
  if (!(sum > 0)) return false;
  for (const [j, cache] of caches.entries()) {
    const factor = (positions[j]! * count) / sum;
    eachBatch(cache, (data, start) =>
      cache.write(
        start,
        data.map((value) => value * factor),
      ),
    );
  }
  return true;
}

function eachBatch(cache: ActivationCache, visit: (data: Float32Array, start: number) => void): void {
  for (let start = 0; start < cache.samples; start += forwardBatch) {
    visit(floatData(cache.read(start, Math.min(forwardBatch, cache.samples - start))), start);
  }
}
