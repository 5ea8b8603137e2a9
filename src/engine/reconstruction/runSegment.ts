/** @file Running a part of the network on all calibration samples. */
import { CancelledError } from "../errors.ts";
import { withoutIntegerOperators } from "../export/verify.ts";
import type { Network } from "../graph/prepare.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { floatData } from "../onnx/tensor.ts";
import type { Runtime, SessionOptions } from "../runtime/runtime.ts";
import type { ActivationCache, CacheStore } from "./activationCache.ts";
import type { Cached } from "./reconstruct.ts";
import { isBatched, type Segment, type SegmentQuantization, segmentModel } from "./segment.ts";

/** Samples a call when a part of the network runs on all of them. */
export const forwardBatch = 32;

export interface RunSegmentOptions extends SegmentQuantization {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly segment: Segment;
  /** One for each of the segment's inputs. */
  readonly inputs: readonly Cached[];
  readonly samples: number;
  readonly batch: number;
  readonly store: CacheStore;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a segment on all samples and caches its outputs. */
export async function runSegment(options: RunSegmentOptions): Promise<Map<string, Cached>> {
  const { runtime, network, segment, inputs, samples, store, signal } = options;
  const batch = network.shapes.fixedBatch ?? options.batch;
  const session = await runtime.createSession(segmentModel(network, segment, options), sessionOptions(options.activations));
  const caches = new Map<string, Cached>();
  try {
    for (let start = 0; start < samples; start += batch) {
      if (signal?.aborted) throw new CancelledError();
      const count = Math.min(batch, samples - start);
      const results = await session.run(Object.fromEntries(segment.inputs.map((input, i) => [input, readRows(inputs[i]!, start, count)])));
      for (const output of segment.outputs) keep(caches, output, results[output]!, start);
      await new Promise(setImmediate);
    }
  } catch (error) {
    for (const cached of caches.values()) release(cached);
    throw error;
  } finally {
    await session.release();
  }
  return caches;

  function keep(into: Map<string, Cached>, output: string, result: Tensor, start: number): void {
    if (result.type !== "float" || !isBatched(network, output)) {
      into.set(output, result);
      return;
    }
    let cache = into.get(output) as ActivationCache | undefined;
    if (!cache) {
      cache = store.create(samples, network.shapes.shapeOf(output, 1));
      into.set(output, cache);
    }
    cache.write(start, floatData(result));
  }
}

/** ONNX Runtime must not take fake quantizers and what lies between them for integer operators. */
export function sessionOptions(activations: readonly unknown[] | undefined): SessionOptions {
  return activations?.length ? { config: withoutIntegerOperators } : {};
}

/** Rows of a cached value; a value without a sample axis is the same for all. */
export function readRows(cached: Cached, start: number, count: number): Tensor {
  return "gather" in cached ? cached.read(start, count) : cached;
}

export function release(cached: Cached): void {
  if ("gather" in cached) cached.release();
}

/**
 * Mean over samples and positions of the squared error summed over channels: the reconstruction loss of two caches.
 * @param weights how often each element's squared error counts
 */
export function cacheDistance(a: ActivationCache, b: ActivationCache, batch: number, weights?: ActivationCache): number {
  const channels = a.dims[1] ?? 1;
  let sum = 0;
  let elements = 0;
  for (let start = 0; start < a.samples; start += batch) {
    const count = Math.min(batch, a.samples - start);
    const x = floatData(a.read(start, count));
    const y = floatData(b.read(start, count));
    const w = weights && floatData(weights.read(start, count));
    for (let i = 0; i < x.length; i++) sum += (w ? w[i]! : 1) * (x[i]! - y[i]!) ** 2;
    elements += x.length;
  }
  return (sum * channels) / elements;
}
