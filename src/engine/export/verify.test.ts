import { describe, expect, test } from "vitest";
import { exportCase, nearestWeights, rangeActivations } from "../../../test/support/exportCases.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";
import { verifyExport } from "./verify.ts";

const runtime = await createRuntime({ threads: 1 });
const levels = ["disabled", "basic", "extended", "all"] as const;

/** Plain QDQ without a Min between: weights of `type` in a convolution with a bias, and activations of 8 bits. */
function plainQdq(type: "uint2" | "uint8", bias: number): ModelProto {
  const b = new GraphBuilder();
  const byte = (zero: number): Tensor => ({ type: "uint8", dims: [], data: Uint8Array.of(zero) });
  const pair = (value: string, scale: number, zero: number) => {
    const parameters = [b.scalar(scale), b.constant(byte(zero))];
    return b.op("DequantizeLinear", [b.op("QuantizeLinear", [value, ...parameters]), ...parameters]);
  };
  const x = pair(b.input("x", "float", [1, 1, 3, 3]), 0.5, 128);
  const weights = b.constant({ type, dims: [1, 1, 2, 2], data: Uint8Array.of(0, 1, 2, 3) });
  const zero = b.constant({ type, dims: [1], data: Uint8Array.of(1) });
  const w = b.op("DequantizeLinear", [weights, b.constant(floatTensor([1])), zero], { axis: 0 });
  const y = b.op("Conv", [x, w, b.constant(floatTensor([bias]))], {}, { name: "conv" });
  b.output(pair(y, 0.25, 128), "y", "float", [1, 1, 2, 2]);
  return b.model(type === "uint2" ? { opset: 25, irVersion: 13 } : { opset: 17, irVersion: 8 });
}

/** The same in floats. */
function plainFloat(bias: number): ModelProto {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [1, 1, 3, 3]);
  const w = b.constant(floatTensor([-1, 0, 1, 2], [1, 1, 2, 2]));
  b.output(b.op("Conv", [x, w, b.constant(floatTensor([bias]))]), "y", "float", [1, 1, 2, 2]);
  return b.model({ opset: 17, irVersion: 8 });
}

/** On the grid of the quantized input, so that nothing but the bias can differ. */
const feeds = { x: floatTensor([1, 2, -1, 0, 0.5, 3, 1, 1, -2], [1, 1, 3, 3]) };

describe("verifyExport", () => {
  test("a model that keeps its promise holds at every level", async () => {
    const found = await verifyExport({ runtime, model: plainQdq("uint8", 0.5), simulated: plainFloat(0.5), feeds });
    expect(found).toEqual(levels.map((level) => ({ level, loads: true, maxDifference: 0 })));
  });

  test("a level that does not load is an entry that says why and how to load it", async () => {
    const found = await verifyExport({ runtime, model: plainQdq("uint2", 0.5), simulated: plainFloat(0.5), feeds });
    expect(found.map(({ level, loads }) => [level, loads])).toEqual([
      ["disabled", true],
      ["basic", true],
      ["extended", false],
      ["all", false],
    ]);
    expect(found[3]!.maxDifference).toBeUndefined();
    expect(found[3]!.message).toMatch(/QLinearConv.* With the session option session\.disable_quant_qdq=1 the difference is 0\.0e\+0\.$/);
  });

  test("a level that rounds biases is an entry with its difference and a sentence", async () => {
    // Steps of the bias are 0.5 x 1 there, so 0.75 becomes 1 (halves to even).
    const found = await verifyExport({ runtime, model: plainQdq("uint8", 0.75), simulated: plainFloat(0.75), feeds });
    expect(found[0]).toEqual({ level: "disabled", loads: true, maxDifference: 0 });
    for (const { loads, maxDifference, message } of found.slice(1)) {
      expect(loads).toBe(true);
      expect(maxDifference).toBeGreaterThan(0.01);
      expect(message).toContain("rounds biases. With the session option session.disable_quant_qdq=1 the difference is 0.0e+0.");
    }
  });

  test("a wrong model differs at every level, without an excuse", async () => {
    const found = await verifyExport({ runtime, model: plainQdq("uint8", 1.5), simulated: plainFloat(0.5), feeds });
    for (const { loads, maxDifference, message } of found) {
      expect(loads).toBe(true);
      expect(maxDifference).toBeGreaterThan(0.1);
      expect(message).toBeUndefined();
    }
  });

  test("outputs that are not numbers cannot be compared, and give no difference that JSON lacks", async () => {
    const square = (factor: number) => {
      const b = new GraphBuilder();
      const x = b.input("x", "float", [1, 1, 3, 3]);
      b.output(b.op("Sqrt", [b.op("Mul", [b.op("Abs", [x]), b.scalar(factor)])]), "y", "float", [1, 1, 3, 3]);
      return b.model({ opset: 17, irVersion: 8 });
    };
    const found = await verifyExport({ runtime, model: square(-1), simulated: square(1), feeds });
    for (const entry of found) {
      expect(entry).toEqual({ level: entry.level, loads: true, message: "The outputs are not comparable with the simulated network's." });
    }
  });

  test("defects of the simulated network are thrown, not recorded", async () => {
    const missing = { z: floatTensor([1]) };
    await expect(verifyExport({ runtime, model: plainQdq("uint8", 0), simulated: plainFloat(0), feeds: missing })).rejects.toThrow('input "x"');
  });

  test("a level that loads but does not run does not hold", async () => {
    const network = exportCase("conv");
    const weights = network.layers.map((layer) => nearestWeights(network.graph, layer, 4));
    const model = exportModel({ graph: network.graph, weights, activations: [], format: "native" });
    // The exported file takes three channels; these feeds fit only the other network.
    const found = await verifyExport({ runtime, model, simulated: plainFloat(0), feeds });
    for (const { loads, message } of found) {
      expect(loads).toBe(false);
      expect(message).toContain("Got invalid dimensions for input");
    }
  });
});

describe("simulatedModel", () => {
  test("is the arithmetic of the definition: Div, Round, Add, Clip, Sub, Mul on floats", async () => {
    const network = exportCase("conv");
    const activations = await rangeActivations(runtime, network, 3);
    const weights = network.layers.map((layer) => nearestWeights(network.graph, layer, 3));
    const { node, initializer, input } = simulatedModel(network.graph, weights, activations).graph!;
    const added = node.filter(({ name }) => !network.graph.nodes.some((own) => own.name === name)).map(({ opType }) => opType);
    const arithmetic = ["Div", "Round", "Add", "Clip", "Sub", "Mul"];
    expect(added).toEqual([...arithmetic, ...arithmetic]);
    expect(new Set(initializer.map(({ dataType }) => dataType))).toEqual(new Set([1]));
    expect(input.map(({ name }) => name)).toEqual(["x"]);
  });

  test("several quantizations of one value stay apart", () => {
    const network = exportCase("conv, add");
    const stem = network.values[1]!;
    const [conv, sum] = network.graph.consumers(stem).map((reader) => reader.output[0]!);
    const quantized = (bits: number, reader: string) => ({ value: stem, readers: [reader], bits, scale: 0.5, zeroPoint: 0 });
    const activations = [quantized(2, conv!), quantized(4, sum!)];
    const written = new Graph(simulatedModel(network.graph, [], activations));
    expect(written.producer(conv!)!.input[0]).not.toBe(stem);
    expect(written.producer(sum!)!.input).not.toContain(stem);
    expect(written.producer(sum!)!.input).not.toContain(written.producer(conv!)!.input[0]);
  });
});
