import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeProtoSchema, StringStringEntryProtoSchema } from "../onnx/onnx_pb.ts";
import { commonScope, nameLayers, uniqueNames } from "./layerNames.ts";

function layer(weight: string, name = "", scopes = "", output = "y") {
  const metadataProps = scopes ? [create(StringStringEntryProtoSchema, { key: "pkg.torch.onnx.name_scopes", value: scopes })] : [];
  return { weight, node: create(NodeProtoSchema, { opType: "Conv", name, output: [output], metadataProps }) };
}

const nameOf = (...args: Parameters<typeof layer>) => nameLayers([layer(...args)])[0]!.name;

test.each([
  ["a weight's module", ["layer1.0.conv1.weight", "Conv_3"], "layer1.0.conv1"],
  ["a weight's module, also where the weight was folded", ["layer1.0.conv1.weight.folded", "Conv_3"], "layer1.0.conv1"],
  ["a Keras weight's layer", ["model/conv2d_1/kernel", ""], "model/conv2d_1"],
  ["a TorchScript scope", ["onnx::Conv_278", "/layer1/layer1.0/conv1/Conv"], "layer1.0.conv1"],
  ["a scope of nested containers", ["onnx::Conv_1", "/features/features.1/conv/conv.0/conv.0.0/Conv"], "features.1.conv.0.0"],
  ["a scope with a counted operator", ["onnx::Conv_1", "/head/proj/Conv_2"], "head.proj"],
  ["a module in the metadata", ["val_3", "node_Conv_347", "['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']"], "layer1.0.conv1"],
  ["the weight before the metadata, which may name the BatchNorm", ["conv1.weight", "n", "['', 'bn1', 'batch_norm']"], "conv1"],
  [
    "a TensorFlow scope",
    ["const_fold_opt__379", "MobilenetV2/expanded_conv/project/BatchNorm/FusedBatchNormV3"],
    "MobilenetV2/expanded_conv/project",
  ],
  ["a SavedModel scope", ["const_fold_opt__379", "StatefulPartitionedCall/model/conv1/Conv2D"], "model/conv1"],
  ["the node", ["1178", "Conv_41"], "Conv_41"],
  ["the node, where a scope names no module", ["onnx::Conv_9", "/Conv"], "/Conv"],
  ["the output", ["1178", "", "", "1177"], "1177"],
] as const)("a layer is named after %s", (_, [weight, name, scopes, output], expected) => {
  expect(nameOf(weight, name, scopes, output)).toBe(expected);
});

test("names are unique, and an alias belongs to one layer only", () => {
  const names = nameLayers([
    layer("w1", "/head/conv/Conv", "", "a"),
    layer("w2", "/head/conv/Conv_1", "", "b"),
    layer("shared", "c", "", "head.conv_2"),
    layer("shared", "d", "", "e"),
  ]);
  expect(names.map(({ name }) => name)).toEqual(["head.conv", "head.conv_2", "c", "d"]);
  expect(names[0]!.aliases).toEqual(["/head/conv/Conv", "a", "w1"]);
  expect(names[1]!.aliases).toEqual(["/head/conv/Conv_1", "b", "w2"]);
  expect(names[2]!.aliases).toEqual([]);
  expect(names[3]!.aliases).toEqual(["e"]);
});

test("numbers avoid names that are taken", () => {
  expect(uniqueNames(["a", "a_2", "a", "a", "b"])).toEqual(["a", "a_2", "a_3", "a_4", "b"]);
});

test("20,000 equal names are made unique in time", () => {
  const started = performance.now();
  const names = uniqueNames(Array.from({ length: 20_000 }, () => "conv"));
  expect(new Set(names).size).toBe(20_000);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("the common scope ends at a separator", () => {
  expect(commonScope("layer1.0.conv1", "layer1.0.conv2")).toBe("layer1.0");
  expect(commonScope("layer1.0.conv1", "layer1.01.conv1")).toBe("layer1");
  expect(commonScope("block/a", "block/b")).toBe("block");
  expect(commonScope("a.b", "a.b.c")).toBe("a.b");
  expect(commonScope("conv1", "conv2")).toBe("");
});
