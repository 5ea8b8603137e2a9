import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { exportCase, nearestWeights, otherFeeds, rangeActivations } from "../../../test/support/exportCases.ts";
import { outputsOf } from "../../../test/support/exportRuns.ts";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { parseModel, serializeModel } from "../onnx/modelFile.ts";
import { type ModelProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatData, floatTensor } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { dequantize, type WeightQuantization } from "../quantizers/weightQuantization.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { readActivations, readWeights } from "./readQuantization.ts";
import { simulatedModel } from "./simulate.ts";

const runtime = await createRuntime({ threads: 1 });
const network = exportCase("conv, add");
const { graph, layers, feeds } = network;
const weights = layers.map((layer, i) => nearestWeights(graph, layer, [8, 3, 2][i]!));
const formats = ["portable", "native"] as const;

function reread(model: ModelProto): ModelProto {
  return parseModel(serializeModel(model));
}

describe("the written graph", () => {
  test.each(formats)("%s: nodes and values keep their names, FP32 weights are gone, biases stay", (format) => {
    const model = exportModel({ graph, weights, activations: [], format });
    const written = model.graph!;
    const nodes = new Map(written.node.map((node) => [node.name, node]));
    for (const { name, opType, output } of graph.nodes) {
      expect(nodes.get(name)?.opType).toBe(opType);
      expect(nodes.get(name)?.output).toEqual(output);
    }
    const constants = new Set(written.initializer.map(({ name }) => name));
    for (const { layer, weight } of layers) {
      expect(constants.has(weight)).toBe(false);
      expect(constants.has(`${layer}.bias`)).toBe(true);
    }
    expect(written.input.map(({ name }) => name)).toEqual(["x"]);
    expect(written.output.map(({ name }) => name)).toEqual(["y"]);
  });

  test("the prepared graph is not changed", () => {
    const before = serializeModel(graph.toModel());
    exportModel({ graph, weights, activations: [], format: "native", metadata: { run: "w4" } });
    simulatedModel(graph, weights, []);
    expect(Buffer.compare(before, serializeModel(graph.toModel()))).toBe(0);
  });

  test("versions rise only as far as the types need", () => {
    const versions = (count: number, format: (typeof formats)[number]) => {
      const quantized = layers.map((layer) => nearestWeights(graph, layer, count));
      const model = exportModel({ graph, weights: quantized, activations: [], format });
      return [Number(model.opsetImport.find(({ domain }) => domain === "")!.version), Number(model.irVersion)];
    };
    expect(versions(2, "portable")).toEqual([17, 8]);
    expect(versions(8, "native")).toEqual([17, 8]);
    expect(versions(4, "native")).toEqual([21, 10]);
    expect(versions(2, "native")).toEqual([25, 13]);
  });

  test("one quantization serves all quantized readers of a value; other readers keep the FP32 one", async () => {
    const [, stem] = await rangeActivations(runtime, network, 4);
    const [conv, sum] = stem!.readers;
    const both = exportModel({ graph, weights: [], activations: [stem!], format: "portable" }).graph!;
    expect(both.node.filter(({ opType }) => opType === "QuantizeLinear")).toHaveLength(1);
    const one = new Graph(exportModel({ graph, weights: [], activations: [{ ...stem!, readers: [conv!] }], format: "portable" }));
    expect(one.producer(conv!)!.input[0]).toBe(`${stem!.value}_dequantized`);
    expect(one.producer(sum!)!.input).toContain(stem!.value);
  });

  test("metadata: the caller's entries and one that tells the bits; older ones of ours are replaced", () => {
    const once = exportModel({ graph, weights, activations: [], format: "native", metadata: { run: "a" } });
    const twice = exportModel({ graph: new Graph(once), weights: [], activations: [], format: "native", metadata: { run: "b" } });
    expect(twice.metadataProps.filter(({ key }) => key === "brecq.run").map(({ value }) => value)).toEqual(["b"]);
    const entry = once.metadataProps.find(({ key }) => key === "brecq.quantization")!;
    expect(JSON.parse(entry.value)).toEqual({
      format: "native",
      weights: { a: { weight: "a.weight", bits: 8 }, b: { weight: "b.weight", bits: 3 }, c: { weight: "c.weight", bits: 2 } },
      activations: [],
    });
  });

  test("names that are taken are not taken again", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 2]);
    const weight = b.constant(floatTensor(Float32Array.of(1, 2, 3, 4), [2, 2]), "w");
    const taken = b.constant(floatTensor(Float32Array.of(10, 20), [2]), "w_quantized");
    b.output(b.op("Add", [b.op("MatMul", [x, weight]), taken]), "y", "float", ["n", 2]);
    const small = new Graph(b.model({ opset: 17, irVersion: 8 }));
    const quantized = nearestWeights(small, { layer: "l", weight: "w", axis: 1 }, 8);
    const model = exportModel({ graph: small, weights: [quantized], activations: [], format: "portable" });
    const { y } = await outputsOf(runtime, model, { x: floatTensor(Float32Array.of(1, 0), [1, 2]) }, "disabled");
    const [first, second] = dequantize(quantized);
    expect([...floatData(y!)]).toEqual([Math.fround(first! + 10), Math.fround(second! + 20)]);
  });
});

describe("worked numbers", () => {
  // y = x W with W = [[1, -2], [0.5, 4]]; column 0: step 0.5, zero 1; column 1: step 2, zero 1.
  const weight: WeightQuantization = {
    layer: "product",
    weight: "w",
    dims: [2, 2],
    axis: 1,
    bits: 2,
    scale: Float32Array.of(0.5, 2),
    zeroPoint: Uint8Array.of(1, 1),
    values: Uint8Array.of(3, 0, 2, 3),
  };
  const b = new GraphBuilder();
  const x = b.input("x", "float", ["n", 2]);
  const w = b.constant(floatTensor(Float32Array.of(1.1, -1.9, 0.4, 4.2), [2, 2]), "w");
  b.output(b.op("MatMul", [x, w], {}, { name: "product" }), "y", "float", ["n", 2]);
  const small = new Graph(b.model({ opset: 17, irVersion: 8 }));
  const reader = small.consumers("x")[0]!.output[0]!;
  const activations: ActivationQuantization[] = [{ value: "x", readers: [reader], bits: 2, scale: 0.25, zeroPoint: 1 }];

  test.each(formats)("%s: weights and activations on their grids, ends clipped, halves to even", async (format) => {
    const model = exportModel({ graph: small, weights: [weight], activations, format });
    // On the grid -0.25, 0, 0.25, 0.5: 0.3 -> 0.25, 9 -> 0.5; -9 -> -0.25, 0.125 -> 0; 0.375 -> 0.5, -0.375 -> -0.25.
    const input = floatTensor(Float32Array.of(0.3, 9, -9, 0.125, 0.375, -0.375), [3, 2]);
    for (const candidate of [model, simulatedModel(small, [weight], activations)]) {
      const { y } = await outputsOf(runtime, candidate, { x: input }, "disabled");
      expect([...floatData(y!)]).toEqual([0.5, 1.5, -0.25, 0.5, 0.375, -2]);
    }
  });
});

describe("reading back", () => {
  test.each(formats)("%s: the same weights and activations come back", async (format) => {
    const activations = await rangeActivations(runtime, network, 3);
    const model = reread(exportModel({ graph, weights, activations, format }));
    expect(readWeights(model, "m.onnx")).toEqual(weights);
    const read = readActivations(model, "m.onnx");
    expect(read.map(({ readers, ...rest }) => ({ ...rest, readers: [...readers].sort() }))).toEqual(
      activations.map(({ readers, ...rest }) => ({ ...rest, readers: [...readers].sort() })),
    );
  });

  test("the other format computes the same", async () => {
    const native = reread(exportModel({ graph, weights, activations: await rangeActivations(runtime, network, 4), format: "native" }));
    const again = { graph, weights: readWeights(native, "m"), activations: readActivations(native, "m") };
    const portable = exportModel({ ...again, format: "portable" });
    const input = otherFeeds(feeds);
    expect(await outputsOf(runtime, portable, input, "disabled")).toEqual(await outputsOf(runtime, native, input, "disabled"));
  });

  test("matrices keep their axis, which is written as -1", () => {
    const gemm = exportCase("gemm, transB = 0");
    const own = gemm.layers.map((layer) => nearestWeights(gemm.graph, layer, 4));
    const model = exportModel({ graph: gemm.graph, weights: own, activations: [], format: "native" });
    expect(readWeights(model, "m").map(({ axis }) => axis)).toEqual([1, 1]);
  });

  test("other models and damaged ones are refused", () => {
    expect(() => readWeights(graph.toModel(), "m.onnx")).toThrow("The model was not written by brecq.");
    const model = exportModel({ graph, weights, activations: [], format: "portable" });
    const lacking = exportModel({ graph, weights: [], activations: [], format: "portable" });
    lacking.metadataProps = model.metadataProps;
    expect(() => readWeights(lacking, "m.onnx")).toThrow('The quantized weights of "a" are not in the model as its metadata says.');
    const entry = model.metadataProps.find(({ key }) => key === "brecq.quantization")!;
    // "b" has levels above 3.
    entry.value = entry.value.replace('"bits":3', '"bits":2');
    expect(() => readWeights(model, "m.onnx")).toThrow('"b"');
    entry.value = "{";
    expect(() => readWeights(model, "m.onnx")).toThrow("not written by brecq");
  });
});

describe("readers in subgraphs", () => {
  /** Both branches of an If read the value `h` and the weights `w` from outside. */
  function branching(): Graph {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 2]);
    const condition = b.input("condition", "bool", []);
    b.constant(floatTensor(Float32Array.of(1, 0.5, 0.25, -1), [2, 2]), "w");
    b.add(create(NodeProtoSchema, { opType: "Relu", input: [x], output: ["h"], name: "relu" }));
    const branch = (name: string, opType: string) => {
      const inner = new GraphBuilder(`${name}/`);
      inner.output(inner.op(opType, [inner.op("MatMul", ["h", "w"])]), `${name}_out`, "float", ["n", 2]);
      return graphAttribute(`${name}_branch`, inner.graph(name));
    };
    const attribute = [branch("then", "Abs"), branch("else", "Neg")];
    b.add(create(NodeProtoSchema, { opType: "If", input: [condition], output: ["z"], name: "if", attribute }));
    b.output("z", "y", "float", ["n", 2]);
    return new Graph(b.model({ opset: 17, irVersion: 8 }));
  }

  test.each(formats)("%s: they read the quantized weights and values", async (format) => {
    const source = branching();
    const quantized = nearestWeights(source, { layer: "w", weight: "w", axis: 1 }, 2);
    const activations: ActivationQuantization[] = [{ value: "h", readers: ["z"], bits: 2, scale: 0.5, zeroPoint: 0 }];
    const model = exportModel({ graph: source, weights: [quantized], activations, format });
    expect(model.graph!.initializer.map(({ name }) => name)).not.toContain("w");
    const simulated = simulatedModel(source, [quantized], activations);
    for (const condition of [0, 1]) {
      const input = {
        x: floatTensor(Float32Array.of(0.6, 3, -1, 1.2), [2, 2]),
        condition: { type: "bool", dims: [], data: Uint8Array.of(condition) },
      } as const;
      const found = await outputsOf(runtime, model, input, "disabled");
      expect(found).toEqual(await outputsOf(runtime, simulated, input, "disabled"));
      const [, second] = dequantize(quantized);
      // 0.6 -> 0.5 and 3 -> 1.5 on the grid of h.
      const value = 0.5 * second! + 1.5 * dequantize(quantized)[3]!;
      expect(floatData(found.y!)[1]).toBeCloseTo(condition ? Math.abs(value) : -value, 5);
    }
  });
});

describe("large networks", () => {
  test("the time grows with the layers, not with their square", () => {
    const [small, large] = [secondsFor(500), secondsFor(5000)];
    expect(large).toBeLessThan(40 * small);
  });

  /** Time to write, read and simulate a chain of layers with quantized activations. */
  function secondsFor(count: number): number {
    const b = new GraphBuilder();
    let x = b.input("x", "float", ["n", 2]);
    const all: WeightQuantization[] = [];
    const activations: ActivationQuantization[] = [];
    for (let i = 0; i < count; i++) {
      const weight = b.constant(floatTensor(Float32Array.of(1, 0, 0, 1), [2, 2]));
      const y = b.op("MatMul", [x, weight], {}, { name: `layer${i}` });
      all.push({
        layer: `layer${i}`,
        weight,
        dims: [2, 2],
        axis: 1,
        bits: 4,
        scale: Float32Array.of(1, 1),
        zeroPoint: Uint8Array.of(0, 0),
        values: Uint8Array.of(1, 0, 0, 1),
      });
      activations.push({ value: x, readers: [y], bits: 4, scale: 1, zeroPoint: 8 });
      x = y;
    }
    b.output(x, "y", "float", ["n", 2]);
    const large = new Graph(b.model({ opset: 17, irVersion: 8 }));
    const begin = performance.now();
    const model = exportModel({ graph: large, weights: all, activations, format: "native" });
    readWeights(model, "m");
    readActivations(model, "m");
    simulatedModel(large, all, activations);
    const seconds = (performance.now() - begin) / 1000;
    expect(model.graph!.node).toHaveLength(5 * count + 1);
    return seconds;
  }
});
