import { describe, expect, test } from "vitest";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type Dim, GraphBuilder } from "./builder.ts";
import { freeBatch } from "./freeBatch.ts";
import { Graph } from "./graph.ts";
import { resizeScales } from "./resizeScales.ts";
import { observeShapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

async function freed(dims: readonly Dim[], build: (b: GraphBuilder, x: string) => string) {
  const b = new GraphBuilder();
  b.output(build(b, b.input("x", "float", dims)), "y");
  const graph = new Graph(b.model({ opset: 17 })).clone();
  return freeBatch(graph, await observeShapes(graph, runtime), runtime);
}

describe("freeBatch", () => {
  // The outputs are compared inside freeBatch: undefined means that they differ.
  test.each<[string, number[], (b: GraphBuilder, x: string) => string, (number | string)[]]>([
    ["nothing but layers", [1, 4], (b, x) => b.op("Relu", [x]), ["batch", 4]],
    ["a Reshape to [1, -1]", [1, 2, 3], (b, x) => b.op("Reshape", [x, b.ints([1, -1])]), ["batch", 6]],
    ["a Reshape to [1, 3, 2]", [1, 2, 3], (b, x) => b.op("Reshape", [x, b.ints([1, 3, 2])]), ["batch", 3, 2]],
    ["a Reshape to [0, -1]", [1, 2, 3], (b, x) => b.op("Reshape", [x, b.ints([0, -1])]), ["batch", 6]],
    ["a Reshape of positions into rows", [1, 2, 3], (b, x) => b.op("Reshape", [b.op("Reshape", [x, b.ints([2, 3])]), b.ints([1, 6])]), ["batch", 6]],
    ["a batch of 4", [4, 6], (b, x) => b.op("Reshape", [x, b.ints([4, 2, 3])]), ["batch", 2, 3]],
    ["an Expand to [2, 3, 5]", [2, 3, 1], (b, x) => b.op("Expand", [x, b.ints([2, 3, 5])]), ["batch", 3, 5]],
    ["a Resize to sizes", [1, 1, 5, 7], (b, x) => b.op("Resize", [x, "", "", b.ints([1, 1, 12, 9])], { mode: "linear" }), ["batch", 1, 12, 9]],
    [
      "a constant joined to the sample",
      [1, 2, 3],
      (b, x) => b.op("Concat", [b.constant(floatTensor([7, 8, 9], [1, 1, 3])), x], { axis: -2 }),
      ["batch", 3, 3],
    ],
  ])("frees %s", async (_, dims, build, expected) => {
    const result = await freed(dims, build);
    expect(result?.shapes.fixedBatch).toBeUndefined();
    expect(result?.shapes.displayDims("y")).toEqual(expected);
  });

  test.each<[string, number[], (b: GraphBuilder, x: string) => string]>([
    ["drops the first axis", [1, 4], (b, x) => b.op("Squeeze", [x, b.ints([0])])],
    ["sums over the batch", [1, 4], (b, x) => b.op("ReduceSum", [x, b.ints([0])])],
    ["mixes samples", [1, 4], (b, x) => b.op("Softmax", [x], { axis: 0 })],
    ["adds something else to each sample", [2, 4], (b, x) => b.op("Add", [x, b.constant(floatTensor([1, 2], [2, 1]))])],
    ["has no axis but one", [4], (b, x) => b.op("Relu", [x])],
  ])("gives up on a network that %s", async (_, dims, build) => {
    expect(await freed(dims, build)).toBeUndefined();
  });

  test("leaves the graph that it was given as it was", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Reshape", [b.input("x", "float", [1, 2, 3]), b.ints([1, -1])]), "y");
    const graph = new Graph(b.model({ opset: 17 })).clone();
    const target = graph.nodes[0]!.input[1]!;
    const shapes = await observeShapes(graph, runtime);
    expect(await freeBatch(graph, shapes, runtime)).toBeDefined();
    expect(graph.nodes[0]!.input[1]).toBe(target);
    expect((await observeShapes(graph, runtime)).fixedBatch).toBe(1);
  });
});

test("resizeScales gives the wanted length for every pair of lengths up to 200", () => {
  const lengths = Array.from({ length: 200 }, (_, i) => i + 1);
  for (const from of lengths) {
    const scales = resizeScales(new Array<number>(200).fill(from), lengths);
    expect(scales.map((scale) => Math.floor(Math.fround(Math.fround(scale) * from)))).toEqual(lengths);
  }
});
