/** @file Running models for comparison. */
import { Graph } from "../../src/engine/graph/graph.ts";
import { graphInputs, madeUpFeeds } from "../../src/engine/graph/graphInputs.ts";
import type { ModelProto } from "../../src/engine/onnx/onnx_pb.ts";
import { type Tensor, toNumbers } from "../../src/engine/onnx/tensor.ts";
import type { Runtime } from "../../src/engine/runtime/runtime.ts";

/** The model's outputs for made-up inputs, or for `feeds`. */
export async function modelOutputs(
  model: ModelProto,
  runtime: Runtime,
  options: { batch?: number; seed?: number; feeds?: Record<string, Tensor> } = {},
): Promise<Record<string, Tensor>> {
  const feeds = options.feeds ?? madeUpFeeds(graphInputs(new Graph(model)), options.batch ?? 1, options.seed);
  const session = await runtime.createSession(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The largest difference of any output, relative to that output's largest magnitude; infinite where names or shapes differ. */
export function relativeDifference(actual: Record<string, Tensor>, expected: Record<string, Tensor>): number {
  if (Object.keys(actual).join() !== Object.keys(expected).join()) return Number.POSITIVE_INFINITY;
  return Math.max(...Object.keys(expected).map((name) => tensorDifference(actual[name]!, expected[name]!)));
}

function tensorDifference(actual: Tensor, expected: Tensor): number {
  if (actual.dims.join() !== expected.dims.join() || actual.type !== expected.type) return Number.POSITIVE_INFINITY;
  const [a, b] = [toNumbers(actual), toNumbers(expected)];
  let largest = 0;
  let difference = 0;
  b.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    if (a[i] !== value) difference = Math.max(difference, Math.abs(a[i]! - value));
  });
  return difference === 0 ? 0 : difference / largest;
}
