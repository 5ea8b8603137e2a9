import { describe, expect, test } from "vitest";
import { nearestWeights } from "../../../test/support/exportCases.ts";
import { differences } from "../../../test/support/exportRuns.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { declaredInput, graphInputs, madeUpFeeds } from "../graph/graphInputs.ts";
import { prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import type { ModelProto, ValueInfoProto } from "../onnx/onnx_pb.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";

const runtime = await createRuntime({ threads: 2 });

function dimsOf(values: readonly ValueInfoProto[]) {
  return values.map((value) => [value.name, declaredInput(value).dims]);
}

/** A product with the batch declared as `batch`, and without a shape at the output where `shaped` is false. */
function product(batch: number | string, shaped = true): ModelProto {
  const b = new GraphBuilder();
  const weight = b.constant(floatTensor(Float32Array.of(1, 2, 3, 4), [2, 2]), "w");
  const y = b.op("MatMul", [b.input("x", "float", [batch, 2]), weight]);
  b.output(y, "y", "float", shaped ? [batch, 2] : undefined);
  return b.model({ opset: 17, irVersion: 8 });
}

describe("the file declares inputs and outputs", () => {
  const graph = new Graph(product("batch"));
  const weights = [nearestWeights(graph, { layer: "l", weight: "w", axis: 1 }, 4)];

  test("as the source does, a fixed batch and names of axes included", () => {
    for (const batch of [3, "images"]) {
      const written = exportModel({ graph, source: product(batch), weights, activations: [], format: "native" }).graph!;
      expect(dimsOf(written.input)).toEqual([["x", [batch, 2]]]);
      expect(dimsOf(written.output)).toEqual([["y", [batch, 2]]]);
    }
  });

  test("as the prepared graph does where the source gives no shape, or is not known", () => {
    const unshaped = exportModel({ graph, source: product(3, false), weights, activations: [], format: "native" }).graph!;
    expect(dimsOf(unshaped.output)).toEqual([["y", ["batch", 2]]]);
    const alone = exportModel({ graph, weights, activations: [], format: "native" }).graph!;
    expect(dimsOf(alone.input)).toEqual([["x", ["batch", 2]]]);
  });

  test.skipIf(!sharedModels.includes("mnist-8.onnx")).each(["mnist-8.onnx", "yolox_nano.onnx"])("of %s as it had them", async (file) => {
    const network = await prepareNetwork(await loadModel(sharedModelPath(file)), runtime);
    const { graph, source, layers } = network;
    // Preparation frees the batch, which the source declares as 1; mnist-8 also lists its constants as inputs.
    expect(declaredInput(graph.inputs[0]!).dims[0]).toBe("batch");
    const constants = new Set(source.graph!.initializer.map(({ name }) => name));
    const weights = layers.map(({ name, weight, outputAxis }) => nearestWeights(graph, { layer: name, weight, axis: outputAxis }, 4));
    const model = exportModel({ graph, source, weights, activations: [], format: "portable" });
    expect(dimsOf(model.graph!.input)).toEqual(dimsOf(source.graph!.input.filter(({ name }) => !constants.has(name))));
    expect(declaredInput(model.graph!.input[0]!).dims[0]).toBe(1);
    expect(dimsOf(model.graph!.output)).toEqual(dimsOf(source.graph!.output));
    const feeds = madeUpFeeds(graphInputs(graph), 1, 3);
    const found = await differences(runtime, { model, simulated: simulatedModel(graph, weights, []), feeds }, ["disabled", "all"]);
    for (const difference of found) expect(difference).toBeLessThan(1e-5);
  });
});
