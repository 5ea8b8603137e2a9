import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { GraphBuilder, graphAttribute } from "./builder.ts";
import { Graph } from "./graph.ts";
import type { Layer } from "./layers.ts";
import { findUnsupported } from "./unsupported.ts";

function unsupportedOf(build: (b: GraphBuilder, x: string) => string, layers: (graph: Graph) => Layer[] = () => []) {
  const b = new GraphBuilder();
  b.output(build(b, b.input("x", "float", ["n", 4, 4])), "y");
  const graph = new Graph(b.model({ opset: 17 }));
  return findUnsupported(graph, layers(graph));
}

const weights = () => floatTensor(new Float32Array(16), [4, 4]);

test("layers, differentiable operators and products of two computed matrices are supported", () => {
  const found = unsupportedOf(
    (b, x) => b.op("Relu", [b.op("MatMul", [b.op("MatMul", [x, x]), b.constant(weights())])]),
    (graph) => [{ node: graph.nodes[1]! } as Layer],
  );
  expect(found).toEqual([]);
});

test("operators without gradient are counted by kind, with the first 20 names", () => {
  const found = unsupportedOf((b, x) => {
    let y = x;
    for (let i = 0; i < 25; i++) y = b.op("Hardmax", [y], {}, { name: `hard${i}` });
    return b.op("Custom", [y], {}, { domain: "acme", name: "special" });
  });
  expect(found.map(({ op, domain, count }) => [op, domain, count])).toEqual([
    ["Hardmax", "", 25],
    ["Custom", "acme", 1],
  ]);
  expect(found[0]!.nodes).toEqual(Array.from({ length: 20 }, (_, i) => `hard${i}`));
  expect(found[0]!.reason).toMatch(/gradient/);
  expect(found[1]!.reason).toMatch(/operator set is not known/);
});

test("an operator of another domain is not mistaken for the standard one of its name", () => {
  expect(unsupportedOf((b, x) => b.op("Relu", [x], {}, { domain: "acme" }))).toMatchObject([{ op: "Relu", domain: "acme" }]);
});

test("weighted operators that are no layers are told with the reason", () => {
  const found = unsupportedOf((b, x) => {
    const dynamic = b.op("Gemm", [b.op("Flatten", [x]), b.op("Reshape", [x, b.ints([16, -1])])]);
    const left = b.op("MatMul", [b.constant(weights()), x]);
    const half = b.op("MatMul", [x, b.constant({ type: "float16", dims: [4, 4], data: new Uint16Array(16) })]);
    return b.op("Concat", [dynamic, left, half], { axis: 0 });
  });
  expect(found.map(({ op, reason }) => `${op}: ${reason}`)).toEqual([
    "Gemm: Its weights are not constant: it stays in FP32.",
    "MatMul: Its weights are the first factor, not the second: it stays in FP32.",
    "MatMul: Its weights are of type float16, not float: they are not quantized.",
  ]);
});

test("weighted operators inside subgraphs are told", () => {
  const found = unsupportedOf((b, x) => {
    const branch = new GraphBuilder("inner_");
    branch.output(branch.op("MatMul", [x, branch.constant(weights())], {}, { name: "hidden" }), "result");
    const condition = b.constant({ type: "bool", dims: [], data: Uint8Array.of(1) });
    const attribute = [graphAttribute("then_branch", branch.graph()), graphAttribute("else_branch", branch.graph())];
    b.add(create(NodeProtoSchema, { opType: "If", name: "choice", input: [condition], output: ["chosen"], attribute }));
    return "chosen";
  });
  expect(found).toMatchObject([
    { op: "If", count: 1, nodes: ["choice"] },
    { op: "MatMul", count: 2, nodes: ["hidden", "hidden"], reason: "It lies in a subgraph: it stays in FP32." },
  ]);
});
