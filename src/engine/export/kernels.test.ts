import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { nearestWeights } from "../../../test/support/exportCases.ts";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { type ModelProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { operatorsWithoutKernels, requireKernels } from "./kernels.ts";

const runtime = await createRuntime({ threads: 1 });

const nodes: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
  Bernoulli: (b, x) => b.op("Bernoulli", [b.op("Clip", [x, b.scalar(0), b.scalar(1)])]),
  GlobalLpPool: (b, x) => b.op("GlobalLpPool", [x]),
  MaxRoiPool: (b, x) => b.op("MaxRoiPool", [x, rois(b, [0, 0, 0, 3, 3])], { pooled_shape: [2, 2] }),
  Multinomial: (b, x) => b.op("Multinomial", [b.op("Flatten", [x])], { sample_size: 2 }),
  RandomNormalLike: (b, x) => b.op("RandomNormalLike", [x]),
  RandomUniformLike: (b, x) => b.op("RandomUniformLike", [x]),
  RoiAlign: (b, x) => b.op("RoiAlign", [x, rois(b, [0, 0, 3, 3]), b.constant(int64Tensor([0], [1]))], { output_height: 2, output_width: 2 }),
};

function rois(b: GraphBuilder, box: readonly number[]): string {
  return b.constant(floatTensor(Float32Array.from(box), [1, box.length]));
}

/** A convolution and the operator behind it. */
function network(operator: string, opset: number): ModelProto {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [1, 1, 4, 4]);
  const weight = b.constant(floatTensor(Float32Array.of(0.5, -1), [2, 1, 1, 1]), "w");
  b.output(nodes[operator]!(b, b.op("Conv", [x, weight])), "y", operator === "Multinomial" ? "int32" : "float");
  return b.model({ opset, irVersion: 10 });
}

async function loads(model: ModelProto): Promise<boolean> {
  try {
    await (await runtime.createSession(model, { optimization: "disabled" })).release();
    return true;
  } catch {
    return false;
  }
}

describe.each(operatorsWithoutKernels)("%s", (operator) => {
  test("loads at operator set 21 and not at 25: when this fails, the list can shrink", async () => {
    expect([await loads(network(operator, 21)), await loads(network(operator, 25))]).toEqual([true, false]);
  });

  test("2-bit weights are refused in the native format, and load in the portable one", async () => {
    const graph = new Graph(network(operator, 17));
    const weights = [nearestWeights(graph, { layer: "conv", weight: "w", axis: 0 }, 2)];
    const options = { graph, weights, activations: [] };
    expect(() => exportModel({ ...options, format: "native" })).toThrow(`ONNX Runtime has no ${operator} at operator set 25`);
    expect(await loads(exportModel({ ...options, format: "portable" }))).toBe(true);
  });
});

test("3 bits and more load natively beside them", async () => {
  const graph = new Graph(network("GlobalLpPool", 17));
  const weights = [nearestWeights(graph, { layer: "conv", weight: "w", axis: 0 }, 3)];
  expect(await loads(exportModel({ graph, weights, activations: [], format: "native" }))).toBe(true);
});

test("operators of other domains may have the same name", () => {
  const graph = new Graph(network("RoiAlign", 17));
  graph.nodes.find(({ opType }) => opType === "RoiAlign")!.domain = "my.ops";
  expect(() => requireKernels(graph, [2], "native")).not.toThrow();
});

test("subgraphs are searched too", () => {
  const b = new GraphBuilder();
  const inner = new GraphBuilder("inner/");
  inner.output(inner.op("GlobalLpPool", ["x"]), "out", "float");
  b.input("x", "float", [1, 1, 4, 4]);
  const condition = b.input("condition", "bool", []);
  const attribute = [graphAttribute("then_branch", inner.graph()), graphAttribute("else_branch", inner.graph())];
  b.add(create(NodeProtoSchema, { opType: "If", input: [condition], output: ["y"], name: "if", attribute }));
  const graph = new Graph(b.model({ opset: 17 }));
  expect(() => requireKernels(graph, [2, 8], "native")).toThrow("GlobalLpPool");
  expect(() => requireKernels(graph, [2, 8], "portable")).not.toThrow();
});
