/** @file Whether a graph whose batch was freed still computes what it did, and each sample on its own. */
import { type NumericArray, sizeOf, type Tensor } from "../onnx/tensor.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Graph } from "./graph.ts";
import { type GraphInput, graphInputs, madeUpFeeds } from "./graphInputs.ts";
import type { Shapes } from "./shapes.ts";

/** How far outputs may differ, relative to the largest element. */
const tolerance = 1e-4;

/**
 * Runs both graphs on made-up inputs. True where `freed` gives the outputs of `graph` for `batch` samples, and for two samples
 * together those that it gives for each alone.
 * @param shapes of `freed`
 */
export async function computesTheSame(graph: Graph, freed: Graph, shapes: Shapes, batch: number, runtime: Runtime): Promise<boolean> {
  const outputs = freed.outputs.map(({ name }) => name);
  if (!outputs.every((name) => isPerSample(shapes, name))) return false;
  const inputs = graphInputs(freed);
  const original = await runtime.createSession(graph.toModel());
  const session = await runtime.createSession(freed.toModel());
  try {
    const feeds = madeUpFeeds(inputs, batch);
    const [expected, actual] = [await original.run(feeds), await session.run(feeds)];
    if (!outputs.every((name) => isClose(numbers(actual, name), numbers(expected, name)))) return false;
    const both = madeUpFeeds(inputs, 2);
    const together = await session.run(both);
    for (const sample of [0, 1]) {
      const alone = await session.run(sampleOf(both, inputs, sample));
      if (!outputs.every((name) => isClose(part(numbers(together, name), sample), numbers(alone, name)))) return false;
    }
    return true;
  } finally {
    await original.release();
    await session.release();
  }
}

/** Whether the value is numbers, and has its rows of one sample together. */
function isPerSample(shapes: Shapes, value: string): boolean {
  if (!shapes.has(value) || shapes.typeOf(value) === "string") return false;
  const [one, two] = [shapes.shapeOf(value, 1), shapes.shapeOf(value, 2)];
  return one.length > 0 && one.every((dim, axis) => two[axis] === (axis === 0 ? 2 * dim : dim));
}

/** The feeds of one sample out of several. */
function sampleOf(feeds: Readonly<Record<string, Tensor>>, inputs: readonly GraphInput[], sample: number): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ name, dims, batched }) => {
      const tensor = feeds[name]!;
      const size = sizeOf(dims);
      return [name, batched ? { type: tensor.type, dims, data: tensor.data.slice(sample * size, (sample + 1) * size) } : tensor];
    }),
  );
}

function numbers(results: Readonly<Record<string, Tensor>>, name: string): NumericArray {
  return results[name]!.data as NumericArray;
}

/** The half that belongs to one of two samples. */
function part(values: NumericArray, sample: number): NumericArray {
  const half = values.length / 2;
  return values.subarray(sample * half, (sample + 1) * half);
}

function isClose(actual: NumericArray, expected: NumericArray): boolean {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const value = Number(expected[i]);
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(Number(actual[i]) - value));
  }
  return actual.length === expected.length && difference <= tolerance * largest;
}
