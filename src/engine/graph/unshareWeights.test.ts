import { expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { GraphBuilder } from "./builder.ts";
import { Graph } from "./graph.ts";
import { unshareWeights } from "./unshareWeights.ts";

test("gives each layer its own weights, and keeps those that other nodes read", async () => {
  const runtime = await createRuntime({ threads: 2 });
  const b = new GraphBuilder();
  const x = b.input("x", "float", ["n", 2]);
  const shared = b.constant(floatTensor([1, 2, 3, 4], [2, 2]), "shared");
  const tied = b.constant(floatTensor([4, 3, 2, 1], [2, 2]), "tied");
  const own = b.constant(floatTensor([1, 0, 0, 1], [2, 2]), "own");
  const first = b.op("MatMul", [b.op("Gemm", [b.op("MatMul", [x, shared]), shared]), own]);
  b.output(b.op("Add", [b.op("MatMul", [first, tied]), b.op("ReduceMean", [tied])]), "y");
  const model = b.model({ opset: 17 });
  const graph = new Graph(model).clone();
  expect(unshareWeights(graph)).toEqual([expect.stringContaining('"shared", "tied"')]);
  const weights = graph.nodes.filter(({ opType }) => ["MatMul", "Gemm"].includes(opType)).map(({ input }) => input[1]);
  expect(new Set([...weights, "tied"]).size).toBe(5);
  expect(weights).toContain("own");
  expect(graph.nodes.find(({ opType }) => opType === "ReduceMean")!.input).toEqual(["tied"]);
  expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), await modelOutputs(model, runtime))).toBe(0);
  expect(unshareWeights(graph)).toEqual([]);
});
