import { expect, test } from "vitest";
import { type FloatTensor, floatTensor, sizeOf } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type Dim, GraphBuilder } from "./builder.ts";
import { Graph } from "./graph.ts";
import { findLayers } from "./layers.ts";
import { observeShapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

async function layersOf(dims: readonly Dim[], build: (b: GraphBuilder, x: string) => string) {
  const b = new GraphBuilder();
  b.output(build(b, b.input("x", "float", dims)), "y");
  const graph = new Graph(b.model({ opset: 17 }));
  return findLayers(graph, await observeShapes(graph, runtime));
}

function zeros(...dims: number[]): FloatTensor {
  return floatTensor(new Float32Array(sizeOf(dims)), dims);
}

test("a grouped, strided convolution", async () => {
  const [layer] = await layersOf(["n", 4, 9, 9], (b, x) =>
    b.op("Conv", [x, b.constant(zeros(6, 2, 3, 3), "stem.weight"), b.constant(zeros(6), "stem.bias")], { group: 2, strides: [2, 2] }),
  );
  expect(layer).toMatchObject({ name: "stem", op: "Conv", weight: "stem.weight", bias: "stem.bias", outputAxis: 0, shape: [6, 2, 3, 3] });
  expect(layer!.parameters).toBe(108 + 6);
  expect(layer!.macs).toBe(6 * 4 * 4 * (2 * 3 * 3));
});

test("a grouped transposed convolution", async () => {
  const [layer] = await layersOf(["n", 4, 5, 5], (b, x) =>
    b.op("ConvTranspose", [x, b.constant(zeros(4, 3, 2, 2), "up.weight")], { group: 2, strides: [2, 2] }),
  );
  expect(layer).toMatchObject({ name: "up", op: "ConvTranspose", bias: undefined, outputAxis: 1, parameters: 48 });
  expect(layer!.macs).toBe(4 * 5 * 5 * (3 * 2 * 2));
});

test("a Gemm counts output channels on the axis that transB says", async () => {
  for (const [transB, outputAxis] of [
    [1, 0],
    [0, 1],
  ] as const) {
    const [layer] = await layersOf(["n", 5], (b, x) =>
      b.op("Gemm", [x, b.constant(transB ? zeros(7, 5) : zeros(5, 7), "fc.weight"), b.constant(zeros(7))], { transB }),
    );
    expect(layer).toMatchObject({ name: "fc", op: "Gemm", outputAxis, parameters: 42, macs: 35 });
  }
});

test("a MatMul over a sequence", async () => {
  const [layer] = await layersOf(["n", 11, 5], (b, x) => b.op("MatMul", [x, b.constant(zeros(5, 7), "proj.weight")]));
  expect(layer).toMatchObject({ op: "MatMul", bias: undefined, outputAxis: 1, parameters: 35, macs: 11 * 35 });
});

test("with a fixed batch, multiply-accumulates are those of one sample", async () => {
  const [layer] = await layersOf([4, 5], (b, x) => b.op("MatMul", [x, b.constant(zeros(5, 7))]));
  expect(layer!.macs).toBe(35);
});

test("what has no constant float matrix as its weight is no layer", async () => {
  const layers = await layersOf(["n", 6, 6], (b, x) => {
    const product = b.op("MatMul", [x, x]);
    const vector = b.op("MatMul", [product, b.constant(zeros(6))]);
    const left = b.op("MatMul", [b.constant(zeros(3, 6)), product]);
    const double = b.op("Cast", [left], { to: 11 });
    const weights = b.constant({ type: "double", dims: [6, 2], data: new Float64Array(12) });
    return b.op("Add", [b.op("Cast", [b.op("MatMul", [double, weights])], { to: 1 }), b.op("ReduceSum", [vector], { keepdims: 0 })]);
  });
  expect(layers).toEqual([]);
});
