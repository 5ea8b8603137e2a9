import { describe, expect, test } from "vitest";
import { exportCase, rangeActivations } from "../../../test/support/exportCases.ts";
import { differences } from "../../../test/support/exportRuns.ts";
import { float } from "../graph/attributes.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import { dataTypeOfCode } from "../onnx/tensorCodec.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { activationBits } from "./activationBits.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";
import { optimizationLevels } from "./verify.ts";

const runtime = await createRuntime({ threads: 1 });
const dims = [1, 16, 32, 32];

/** A chain of values of one shape, each read by a LeakyRelu; `tail` adds nodes behind it. */
function chain(length: number, tail: (b: GraphBuilder, x: string) => string = (_, x) => x): { graph: Graph; values: string[] } {
  const b = new GraphBuilder();
  const values = [b.input("x", "float", dims)];
  for (let i = 0; i < length; i++) values.push(b.op("LeakyRelu", [values.at(-1)!], { alpha: float(0.5) }));
  b.output(tail(b, values.at(-1)!), "y", "float", dims);
  return { graph: new Graph(b.model({ opset: 17, irVersion: 8 })), values: values.slice(0, length) };
}

function quantize(graph: Graph, values: readonly string[], bits: readonly number[]): ActivationQuantization[] {
  return values.map((value, i) => ({
    value,
    readers: graph.consumers(value).map((reader) => reader.output[0]!),
    bits: bits[i]!,
    scale: 2 ** (2 - bits[i]!),
    zeroPoint: 1,
  }));
}

function zeroPointTypes(graph: Graph, activations: readonly ActivationQuantization[]): string[] {
  const model = exportModel({ graph, weights: [], activations, format: "native" });
  const written = new Graph(model);
  const pairs = model.graph!.node.filter(({ opType }) => opType === "QuantizeLinear");
  return pairs.map(({ input }) => dataTypeOfCode(written.initializers.get(input[2]!)!.dataType)!);
}

describe("the type of activations in native files", () => {
  test.each([
    [[2, 2], ["uint2", "uint2"], 25],
    [[2, 4], ["uint4", "uint4"], 21],
    [[4, 3], ["uint4", "uint4"], 21],
    [[4, 8], ["uint8", "uint8"], 17],
  ] as const)("bits %j give %j at operator set %i", (bits, types, opset) => {
    const { graph, values } = chain(2);
    const activations = quantize(graph, values, bits);
    expect(zeroPointTypes(graph, activations)).toEqual(types);
    const { opsetImport } = exportModel({ graph, weights: [], activations, format: "native" });
    expect(Number(opsetImport.find(({ domain }) => domain === "")!.version)).toBe(opset);
  });

  test("is UINT8 beside bool tensors, which have the same size in ONNX Runtime's eyes", () => {
    const { graph, values } = chain(1, (b, x) => b.op("Where", [b.op("Greater", [x, b.scalar(0)]), x, b.scalar(0)]));
    expect(activationBits(graph, quantize(graph, values, [4]))).toBe(8);
    expect(zeroPointTypes(graph, quantize(graph, values, [4]))).toEqual(["uint8"]);
    const floats = chain(1, (b, x) => b.op("Cast", [x], { to: 1 }));
    expect(activationBits(floats.graph, quantize(floats.graph, floats.values, [4]))).toBe(4);
  });

  test("stays that of the widest in real layers", async () => {
    const network = exportCase("conv, add");
    const four = await rangeActivations(runtime, network, 4);
    expect(activationBits(network.graph, four)).toBe(4);
    expect(activationBits(network.graph, [{ ...four[0]!, bits: 8 }, ...four.slice(1)])).toBe(8);
  });
});

test("mixed bits on values of one shape run at every level, many times over", async () => {
  const { graph, values } = chain(9);
  const activations = quantize(graph, values, [4, 8, 2, 8, 4, 2, 4, 8, 2]);
  const model = exportModel({ graph, weights: [], activations, format: "native" });
  const simulated = simulatedModel(graph, [], activations);
  for (let i = 0; i < 5; i++) {
    const x: Tensor = floatTensor(
      Float32Array.from({ length: 16 * 32 * 32 }, (_, j) => 3 * Math.sin(j * (i + 1))),
      dims,
    );
    expect(await differences(runtime, { model, simulated, feeds: { x } }, optimizationLevels)).toEqual([0, 0, 0, 0]);
  }
});
