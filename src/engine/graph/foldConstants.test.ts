import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { floatTensor, toNumbers } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type Dim, GraphBuilder } from "./builder.ts";
import { foldConstants } from "./foldConstants.ts";
import { Graph } from "./graph.ts";
import { observeShapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

/** Folds the network that `build` makes, and checks that its outputs stay the same at batches 1 and 3. */
async function folded(dims: readonly Dim[], build: (b: GraphBuilder, x: string) => void): Promise<Graph> {
  const b = new GraphBuilder();
  build(b, b.input("x", "float", dims));
  const model = b.model({ opset: 17 });
  const graph = new Graph(model).clone();
  await foldConstants(graph, await observeShapes(graph, runtime), runtime);
  for (const batch of typeof dims[0] === "string" ? [1, 3] : [1]) {
    expect(relativeDifference(await modelOutputs(graph.toModel(), runtime, { batch }), await modelOutputs(model, runtime, { batch }))).toBe(0);
  }
  return graph;
}

const operators = (graph: Graph) => graph.nodes.map(({ opType }) => opType);
const constantOf = (graph: Graph, opType: string, position: number) =>
  toNumbers(graph.constant(graph.nodes.find((node) => node.opType === opType)!.input[position]!)!);

/** The batch as PyTorch exports it: the first entry of the shape, as a list of one. */
function batchOf(b: GraphBuilder, x: string): string {
  return b.op("Unsqueeze", [b.op("Gather", [b.op("Shape", [x]), b.constant({ type: "int64", dims: [], data: BigInt64Array.of(0n) })]), b.ints([0])]);
}

describe("foldConstants", () => {
  test("computes chains of constants", async () => {
    const graph = await folded(["n", 3], (b, x) => {
      const sum = b.op("Add", [b.op("Mul", [b.constant(floatTensor([1, 2, 3])), b.scalar(2)]), b.scalar(1)]);
      b.output(b.op("Mul", [x, sum]), "y");
    });
    expect(operators(graph)).toEqual(["Mul", "Identity"]);
    expect(constantOf(graph, "Mul", 1)).toEqual([3, 5, 7]);
  });

  test("computes what depends on shapes, but not on the batch", async () => {
    const graph = await folded(["n", 4, 6], (b, x) => {
      const half = b.op("Div", [b.op("Shape", [x], { start: 2 }), b.ints([2])]);
      b.output(b.op("Slice", [x, b.ints([0]), half, b.ints([2])]), "y");
    });
    expect(operators(graph)).toEqual(["Slice", "Identity"]);
    expect(constantOf(graph, "Slice", 2)).toEqual([3]);
  });

  test("gives a Reshape -1 where its target holds the batch", async () => {
    const graph = await folded(["n", 4, 6], (b, x) => {
      b.output(b.op("Reshape", [x, b.op("Concat", [batchOf(b, x), b.ints([-1])], { axis: 0 })]), "y");
    });
    expect(operators(graph)).toEqual(["Reshape", "Identity"]);
    expect(constantOf(graph, "Reshape", 1)).toEqual([-1, 24]);
  });

  test("gives a Reshape -1 for a multiple of the batch", async () => {
    const graph = await folded(["n", 4, 6], (b, x) => {
      const rows = b.op("Mul", [batchOf(b, x), b.ints([2])]);
      b.output(b.op("Reshape", [x, b.op("Concat", [rows, b.ints([2, 6])], { axis: 0 })]), "y");
    });
    expect(constantOf(graph, "Reshape", 1)).toEqual([-1, 2, 6]);
  });

  test("gives an Expand 1 where its input has the batch", async () => {
    const graph = await folded(["n", 4, 1], (b, x) => {
      b.output(b.op("Expand", [x, b.op("Concat", [batchOf(b, x), b.ints([4, 5])], { axis: 0 })]), "y");
    });
    expect(operators(graph)).toEqual(["Expand", "Identity"]);
    expect(constantOf(graph, "Expand", 1)).toEqual([1, 4, 5]);
  });

  test("keeps an Expand that makes the batch", async () => {
    const graph = await folded(["n", 4], (b, x) => {
      const token = b.op("Expand", [b.constant(floatTensor([1, 2], [1, 2])), b.op("Concat", [batchOf(b, x), b.ints([2])], { axis: 0 })]);
      b.output(b.op("Concat", [x, token], { axis: 1 }), "y");
    });
    expect(operators(graph)).toContain("Expand");
  });

  test("gives a Resize scales in place of sizes that hold the batch", async () => {
    const graph = await folded(["n", 1, 3, 5], (b, x) => {
      b.output(b.op("Resize", [x, "", "", b.op("Concat", [batchOf(b, x), b.ints([1, 7, 10])], { axis: 0 })], { mode: "linear" }), "y");
    });
    expect(operators(graph)).toEqual(["Resize", "Identity"]);
    expect(constantOf(graph, "Resize", 2)).toEqual([1, 1, Math.fround(7 / 3), 2]);
  });

  test("folds some outputs of a node and not others", async () => {
    const graph = await folded(["n", 2], (b, x) => {
      const parts = b.ops("Split", [b.op("Shape", [x]), b.ints([1, 1])], 2, { axis: 0 });
      b.output(b.op("Expand", [b.scalar(1), parts[0]!]), "y");
      b.output(b.op("Expand", [b.scalar(2), parts[1]!]), "z");
    });
    expect(operators(graph).sort()).toEqual(["Expand", "Identity", "Identity", "Shape", "Split"]);
  });

  test("keeps values that are graph outputs", async () => {
    const graph = await folded(["n", 2], (b) => {
      const sum = b.op("Add", [b.scalar(1), b.scalar(2)]);
      b.output(sum, sum);
      b.output(b.op("Mul", [sum, sum]), "y");
    });
    expect(graph.outputs.map(({ name }) => graph.producer(name)?.opType)).toEqual(["Add", "Identity"]);
  });

  test("does not make large constants from small ones, but keeps what is large already", async () => {
    const graph = await folded(["n", 2], (b, x) => {
      const large = b.op("ConstantOfShape", [b.ints([2100, 2100])]);
      b.output(b.op("Add", [x, b.op("ReduceMax", [large], { keepdims: 0 })]), "y");
      const weights = b.constant(floatTensor(new Float32Array(4_500_000), [2, 2_250_000]));
      b.output(b.op("ReduceSum", [b.op("MatMul", [x, b.op("Transpose", [b.op("Transpose", [weights])])]), b.ints([1])]), "z");
    });
    expect(operators(graph)).toContain("ConstantOfShape");
    expect(operators(graph)).not.toContain("Transpose");
  });

  test("does not fold random numbers", async () => {
    const graph = await folded(["n", 2], (b, x) => {
      const noise = b.op("RandomUniform", [], { shape: [2], seed: { float: 1 } });
      b.output(b.op("Add", [x, b.op("Mul", [noise, b.scalar(0)])]), "y");
    });
    expect(operators(graph)).toContain("RandomUniform");
  });

  test("computes everything where the batch is fixed", async () => {
    const graph = await folded([2, 4, 6], (b, x) => {
      b.output(b.op("Reshape", [x, b.op("Concat", [batchOf(b, x), b.ints([24])], { axis: 0 })]), "y");
    });
    expect(operators(graph)).toEqual(["Reshape", "Identity"]);
    expect(constantOf(graph, "Reshape", 1)).toEqual([2, 24]);
  });
});
