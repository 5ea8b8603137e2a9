import { toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { ModelProtoSchema } from "../onnx/onnx_pb.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { prepareGraph } from "./prepareGraph.ts";

const runtime = await createRuntime({ threads: 2 });

/** Operators that only serve to compute shapes or constants, which no network here should keep. */
const shapeArithmetic = [
  "Shape",
  "Size",
  "Constant",
  "ConstantOfShape",
  "Gather",
  "Unsqueeze",
  "Cast",
  "Range",
  "Identity",
  "Dropout",
  "BatchNormalization",
];

describe.runIf(sharedModels.length > 0).each(sharedModels)("%s", (name) => {
  test("computes what the model computes, for any batch, from plain operators", async () => {
    const model = await loadModel(sharedModelPath(name));
    const before = toBinary(ModelProtoSchema, model);
    const { graph, shapes, warnings } = await prepareGraph(model, runtime);
    expect(warnings).toEqual([]);
    expect(graph.opset).toBeGreaterThanOrEqual(17);
    expect(shapes.fixedBatch).toBeUndefined();
    const operators = graph.nodes.map(({ opType }) => opType);
    expect(operators.filter((operator) => shapeArithmetic.includes(operator))).toEqual([]);
    for (const value of graph.nodes.flatMap(({ input, output }) => [...input, ...output])) {
      if (value !== "") expect(shapes.has(value)).toBe(true);
    }
    const prepared = await modelOutputs(graph.toModel(), runtime);
    expect(relativeDifference(prepared, await modelOutputs(model, runtime))).toBeLessThan(1e-4);
    for (const [output, { dims, type }] of Object.entries(prepared)) {
      expect(dims).toEqual(shapes.shapeOf(output, 1));
      expect(type).toBe(shapes.typeOf(output));
    }
    expect(Buffer.compare(toBinary(ModelProtoSchema, model), before)).toBe(0);
  });
});
