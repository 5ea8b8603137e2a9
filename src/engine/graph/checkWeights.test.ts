import { expect, test } from "vitest";
import { floatTensor } from "../onnx/tensor.ts";
import { GraphBuilder } from "./builder.ts";
import { requireFiniteWeights } from "./checkWeights.ts";
import { Graph } from "./graph.ts";

/** A Conv with a Clip behind it. */
function network(weight: number, bias: number, limit: number): Graph {
  const b = new GraphBuilder();
  const x = b.input("x", "float", ["batch", 1, 2, 2]);
  const inputs = [x, b.constant(floatTensor([weight], [1, 1, 1, 1]), "conv.weight"), b.constant(floatTensor([bias]), "conv.bias")];
  const conv = b.op("Conv", inputs, {}, { name: "features/conv" });
  b.output(b.op("Clip", [conv, "", b.constant(floatTensor([limit], []))]), "y");
  return new Graph(b.model({ opset: 17 }));
}

test.each([
  [Number.NaN, 0, "conv.weight", "NaN"],
  [0, Number.NEGATIVE_INFINITY, "conv.bias", "-Infinity"],
])("names the layer and the tensor for weight %d and bias %d", (weight, bias, tensor, value) => {
  expect(() => requireFiniteWeights(network(weight, bias, 6))).toThrow(`The weights "${tensor}" of the layer "features/conv" contain ${value}.`);
});

test("finds an infinite float16 weight", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float16", ["batch", 1]);
  const weight = b.constant({ type: "float16", dims: [1, 1], data: Uint16Array.of(0x7c00) }, "w");
  b.output(b.op("MatMul", [x, weight], {}, { name: "fc" }), "y", "float16");
  expect(() => requireFiniteWeights(new Graph(b.model({ opset: 17 })))).toThrow('The weights "w" of the layer "fc" contain Infinity.');
});

test("accepts finite weights, and infinite limits of a Clip", () => {
  expect(() => requireFiniteWeights(network(1, 2, Number.POSITIVE_INFINITY))).not.toThrow();
});
