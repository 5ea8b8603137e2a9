import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { TestRandom } from "../../../test/support/random.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { type FloatTensor, floatTensor, sizeOf, toNumbers } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type AttributeValue, float } from "./attributes.ts";
import { GraphBuilder, graphAttribute } from "./builder.ts";
import { foldAffine } from "./foldAffine.ts";
import { Graph } from "./graph.ts";

const runtime = await createRuntime({ threads: 2 });
const random = new TestRandom(7);

function randomFloats(dims: readonly number[], low = -1, high = 1): FloatTensor {
  return floatTensor(
    Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(low, high)),
    dims,
  );
}

function batchNorm(b: GraphBuilder, x: string, channels: number, attributes: Record<string, AttributeValue> = {}): string {
  const parameters = [randomFloats([channels], 0.5, 2), randomFloats([channels]), randomFloats([channels]), randomFloats([channels], 0.1, 2)];
  return b.op("BatchNormalization", [x, ...parameters.map((tensor) => b.constant(tensor))], attributes);
}

/** An If that gives `value`, which its branches read from outside. */
function ifTrue(b: GraphBuilder, value: string): string {
  const output = b.op("If", [b.constant({ type: "bool", dims: [], data: Uint8Array.of(1) })]);
  for (const branch of ["then_branch", "else_branch"]) {
    const inner = new GraphBuilder(`${branch}.`);
    inner.output(inner.op("Neg", [value]), `${branch}.out`);
    b.nodes.at(-1)!.attribute.push(graphAttribute(branch, inner.graph(branch)));
  }
  return output;
}

interface Layer {
  name: string;
  op: "Conv" | "ConvTranspose" | "Gemm";
  input: number[];
  weight: number[];
  channels: number;
  attributes?: Record<string, AttributeValue>;
  bias?: number[];
}

const layers: Layer[] = [
  { name: "Conv without bias", op: "Conv", input: [3, 5, 5], weight: [4, 3, 3, 3], channels: 4 },
  { name: "Conv with bias", op: "Conv", input: [3, 5, 5], weight: [4, 3, 3, 3], channels: 4, bias: [4] },
  { name: "grouped Conv", op: "Conv", input: [4, 5, 5], weight: [6, 2, 3, 3], channels: 6, attributes: { group: 2 } },
  { name: "Conv in one dimension", op: "Conv", input: [3, 7], weight: [4, 3, 3], channels: 4 },
  { name: "ConvTranspose", op: "ConvTranspose", input: [3, 4, 4], weight: [3, 5, 2, 2], channels: 5, bias: [5] },
  { name: "grouped ConvTranspose", op: "ConvTranspose", input: [6, 4, 4], weight: [6, 2, 3, 3], channels: 6, attributes: { group: 3 } },
  { name: "Gemm", op: "Gemm", input: [5], weight: [5, 4], channels: 4, attributes: { alpha: float(0.5), beta: float(3) }, bias: [4] },
  { name: "Gemm with one number as bias", op: "Gemm", input: [5], weight: [5, 4], channels: 4, attributes: { beta: float(-2) }, bias: [1] },
  { name: "Gemm with transposed weights", op: "Gemm", input: [5], weight: [4, 5], channels: 4, attributes: { transB: 1 }, bias: [1, 4] },
  { name: "Gemm without bias", op: "Gemm", input: [5], weight: [4, 5], channels: 4, attributes: { transB: 1, beta: float(2) } },
];

function emitLayer(b: GraphBuilder, { op, input, weight, attributes = {}, bias }: Layer, name = "w"): string {
  const x = b.input("x", "float", ["batch", ...input]);
  const inputs = [x, b.constant(randomFloats(weight), name), ...(bias ? [b.constant(randomFloats(bias), "b")] : [])];
  return b.op(op, inputs, attributes);
}

async function expectSame(graph: Graph, original: ModelProto): Promise<void> {
  const difference = relativeDifference(
    await modelOutputs(graph.toModel(), runtime, { batch: 2 }),
    await modelOutputs(original, runtime, { batch: 2 }),
  );
  expect(difference).toBeLessThan(5e-6);
}

function folded(original: ModelProto): Graph {
  const graph = new Graph(original).clone();
  foldAffine(graph);
  return graph;
}

const operators = (graph: Graph) => graph.nodes.map(({ opType }) => opType);

describe("foldAffine", () => {
  test.each(layers)("folds a BatchNormalization into a $name", async (layer) => {
    const b = new GraphBuilder();
    b.output(batchNorm(b, emitLayer(b, layer), layer.channels, { epsilon: float(0.01) }), "y");
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph)).toEqual([layer.op, "Identity"]);
    await expectSame(graph, original);
  });

  test.each(layers)("folds Mul, Add, Sub and Div by constants into a $name", async (layer) => {
    const b = new GraphBuilder();
    const perChannel = [1, layer.channels, ...layer.input.slice(1).map(() => 1)];
    const spatial = perChannel.slice(1);
    let y = b.op("Mul", [emitLayer(b, layer), b.constant(randomFloats(perChannel))]);
    y = b.op("Add", [b.constant(randomFloats(spatial)), y]);
    y = b.op("Sub", [y, b.constant(randomFloats([]))]);
    y = b.op("Div", [y, b.constant(randomFloats(perChannel, 1, 2))]);
    b.output(batchNorm(b, y, layer.channels), "y");
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph)).toEqual([layer.op, "Identity"]);
    await expectSame(graph, original);
  });

  test("computes the weights of BatchNorm folding: w gamma / sqrt(var + eps), beta + (b - mean) gamma / sqrt(var + eps)", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["batch", 1, 2, 2]);
    const conv = b.op("Conv", [x, b.constant(floatTensor([3], [1, 1, 1, 1]), "fc.weight"), b.constant(floatTensor([10]), "fc.bias")]);
    const parameters = [6, 5, 4, 8].map((value) => b.constant(floatTensor([value])));
    b.output(b.op("BatchNormalization", [conv, ...parameters], { epsilon: float(1) }), "y");
    const graph = folded(b.model({ opset: 17 }));
    expect(toNumbers(graph.constant("fc.weight")!)).toEqual([3 * (6 / 3)]);
    expect(toNumbers(graph.constant("fc.bias")!)).toEqual([5 + (10 - 4) * (6 / 3)]);
  });

  test("leaves the source model as it was", async () => {
    const b = new GraphBuilder();
    b.output(batchNorm(b, emitLayer(b, layers[1]!), 4), "y");
    const original = b.model({ opset: 17 });
    const before = await modelOutputs(original, runtime);
    folded(original);
    expect(original.graph!.node.map(({ opType }) => opType)).toEqual(["Conv", "BatchNormalization", "Identity"]);
    expect(relativeDifference(await modelOutputs(original, runtime), before)).toBe(0);
  });

  test("copies weights and biases that another layer shares", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["batch", 3, 4, 4]);
    const inputs = [x, b.constant(randomFloats([3, 3, 1, 1]), "w"), b.constant(randomFloats([3]), "b")];
    b.output(batchNorm(b, b.op("Conv", inputs), 3), "y1");
    b.output(b.op("Conv", inputs), "y2");
    b.output(batchNorm(b, b.op("Conv", inputs, { strides: [2, 2] }), 3), "y3");
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph).filter((op) => op === "BatchNormalization")).toEqual([]);
    expect(new Set(graph.nodes.filter(({ opType }) => opType === "Conv").map(({ input }) => input[1])).size).toBe(3);
    await expectSame(graph, original);
  });

  test.each<[string, (b: GraphBuilder, conv: string) => void]>([
    ["whose input has another reader", (b, conv) => b.output(b.op("Add", [batchNorm(b, conv, 4), conv]), "y")],
    ["whose input a subgraph reads", (b, conv) => b.output(b.op("Add", [batchNorm(b, conv, 4), ifTrue(b, conv)]), "y")],
    ["behind a Relu", (b, conv) => b.output(batchNorm(b, b.op("Relu", [conv]), 4), "y")],
  ])("leaves a BatchNormalization %s", async (_, finish) => {
    const b = new GraphBuilder();
    finish(b, emitLayer(b, layers[0]!));
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph)).toContain("BatchNormalization");
    await expectSame(graph, original);
  });

  test("leaves a BatchNormalization whose input is a graph output", async () => {
    const b = new GraphBuilder();
    const conv = emitLayer(b, layers[0]!);
    b.output(conv, conv);
    b.output(batchNorm(b, conv, 4), "y");
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph)).toContain("BatchNormalization");
    await expectSame(graph, original);
  });

  test.each([
    ["along a spatial axis", [1, 1, 1, 3]],
    ["that differs at every position", [1, 4, 3, 3]],
    ["that adds an axis", [2, 1, 1, 1, 1]],
  ])("leaves a Mul by a constant %s", async (_, dims) => {
    const b = new GraphBuilder();
    b.output(b.op("Mul", [emitLayer(b, layers[0]!), b.constant(randomFloats(dims))]), "y");
    const original = b.model({ opset: 17 });
    const graph = folded(original);
    expect(operators(graph)).toEqual(["Conv", "Mul", "Identity"]);
  });

  test("leaves c - x, c / x, x / 0 and a MatMul's Add", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["batch", 5]);
    const c = b.constant(randomFloats([4], 1, 2));
    const gemm = () => b.op("Gemm", [x, b.constant(randomFloats([5, 4]))]);
    b.output(b.op("Sub", [c, gemm()]), "y1");
    b.output(b.op("Div", [c, gemm()]), "y2");
    b.output(b.op("Div", [gemm(), b.constant(floatTensor([0], []))]), "y3");
    b.output(b.op("Add", [b.op("MatMul", [x, b.constant(randomFloats([5, 4]))]), c]), "y4");
    const graph = folded(b.model({ opset: 17 }));
    expect(operators(graph).filter((op) => ["Sub", "Div", "Add"].includes(op))).toEqual(["Sub", "Div", "Div", "Add"]);
  });

  test("leaves a layer whose bias is computed, or differs by row", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", [2, 5]);
    const computed = b.op("ReduceMean", [x], { keepdims: 0, axes: [0] });
    const bias = b.op("Slice", [computed, b.ints([0]), b.ints([4])]);
    b.output(batchNorm(b, b.op("Gemm", [x, b.constant(randomFloats([5, 4])), bias]), 4), "y1");
    b.output(batchNorm(b, b.op("Gemm", [x, b.constant(randomFloats([5, 4])), b.constant(randomFloats([2, 4]))]), 4), "y2");
    expect(operators(folded(b.model({ opset: 17 }))).filter((op) => op === "BatchNormalization")).toHaveLength(2);
  });

  test("folds 3,000 layers in under a second", () => {
    const b = new GraphBuilder();
    let y = b.input("x", "float", ["batch", 2, 4, 4]);
    for (let i = 0; i < 3000; i++) y = b.op("Relu", [batchNorm(b, b.op("Conv", [y, b.constant(randomFloats([2, 2, 1, 1]))]), 2)]);
    b.output(y, "y");
    const graph = new Graph(b.model({ opset: 17 })).clone();
    const start = performance.now();
    foldAffine(graph);
    expect(graph.nodes).toHaveLength(6001);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
