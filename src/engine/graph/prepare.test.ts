import { toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { UserError } from "../errors.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { ModelProtoSchema } from "../onnx/onnx_pb.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { GraphBuilder } from "./builder.ts";
import { prepareNetwork, requireLayers } from "./prepare.ts";

const runtime = await createRuntime({ threads: 2 });

describe("prepareNetwork", () => {
  test.skipIf(!sharedModels.includes("cifar10_resnet20_bn.onnx"))("finds the layers and blocks of a ResNet-20 with BatchNormalization", async () => {
    const model = await loadModel(sharedModelPath("cifar10_resnet20_bn.onnx"));
    const before = toBinary(ModelProtoSchema, model);
    const network = await prepareNetwork(model, runtime);
    requireLayers(network);
    expect(network.source).toBe(model);
    expect(network.layers.map(({ op }) => op)).toEqual([...new Array<string>(19).fill("Conv"), "Gemm"]);
    expect(network.layers.every(({ bias }) => bias !== undefined)).toBe(true);
    const inBlocks = network.blocks.flatMap(({ layers }) => layers);
    expect(inBlocks).toHaveLength(20);
    expect(network.warnings).toEqual([]);
    expect(Buffer.compare(toBinary(ModelProtoSchema, model), before)).toBe(0);
  });

  test("gives a network without layers, which requireLayers refuses", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Mul", [b.input("x", "float", ["n", 3]), b.constant(floatTensor([2]))]), "y");
    const network = await prepareNetwork(b.model({ opset: 17 }), runtime);
    expect(network.layers).toEqual([]);
    expect(() => requireLayers(network)).toThrow(UserError);
    expect(() => requireLayers(network)).toThrow("The model has no layer to quantize.");
  });
});
