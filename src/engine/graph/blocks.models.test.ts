/** @file The blocks of real networks; docs/blocks.md tells why they are so. */
import { describe, expect, test } from "vitest";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Block, BlockKind } from "./blocks.ts";
import { type Network, prepareNetwork } from "./prepare.ts";

const runtime = await createRuntime({ threads: 2 });

const networks = new Map<string, Promise<Network>>();

function load(name: string): Promise<Network> {
  const known = networks.get(name);
  if (known) return known;
  const network = loadModel(sharedModelPath(name)).then((model) => prepareNetwork(model, runtime));
  networks.set(name, network);
  return network;
}

function countKinds(blocks: readonly Block[]): Partial<Record<BlockKind, number>> {
  const counts: Partial<Record<BlockKind, number>> = {};
  for (const { kind } of blocks) if (kind !== "glue") counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

describe.runIf(sharedModels.length > 0)("real networks", () => {
  test.each([
    ["mobilenet_v2_100_224_dequant.onnx", 53, { layer: 3, chain: 7, residual: 10 }],
    ["efficientnet_lite0.onnx", 50, { layer: 3, chain: 7, residual: 9 }],
    ["resnet18_random.onnx", 21, { layer: 2, residual: 8 }],
    ["mobilenet_v1_025_224.onnx", 28, { layer: 2, chain: 13 }],
    ["mlperf_tiny_resnet8_cifar10.onnx", 10, { layer: 2, residual: 3 }],
    ["super_resolution.onnx", 4, { layer: 2, chain: 1 }],
    ["mnist-8.onnx", 3, { layer: 3 }],
    ["deeplab_v3_1_default_1.onnx", 55, { layer: 2, chain: 7, residual: 10, join: 1 }],
    ["yolox_nano.onnx", 113, { layer: 20, chain: 18, join: 8, residual: 6 }],
    ["version-RFB-320.onnx", 52, { layer: 16, chain: 12, residual: 1 }],
  ] as const)("%s", async (name, layers, kinds) => {
    const network = await load(name);
    expect(network.layers).toHaveLength(layers);
    expect(countKinds(network.blocks)).toEqual(kinds);
    expect(network.blocks.flatMap((block) => block.layers)).toHaveLength(layers);
    expect(network.unsupported).toEqual([]);
  });

  test("ResNet-20 has the same layers and blocks from each exporter", async () => {
    const flavours = [await load("cifar10_resnet20.onnx"), await load("cifar10_resnet20_bn.onnx"), await load("cifar10_resnet20_dynamo.onnx")];
    const inBlocks = [1, 2, 3].flatMap((stage) => [0, 1, 2].map((index) => `layer${stage}.${index}`));
    for (const { layers, blocks, firstLast } of flavours) {
      expect(layers.map(({ name }) => name)).toEqual(["conv1", ...inBlocks.flatMap((name) => [`${name}.conv1`, `${name}.conv2`]), "linear"]);
      const layered = blocks.filter(({ kind }) => kind !== "glue");
      expect(layered.map(({ name, kind }) => [name, kind])).toEqual([
        ["conv1", "layer"],
        ...inBlocks.map((name) => [name, "residual"]),
        ["linear", "layer"],
      ]);
      expect([...firstLast]).toEqual(["conv1", "linear"]);
      for (const { inputs, outputs } of layered) expect([inputs.length, outputs.length]).toEqual([1, 1]);
    }
  });

  test("MobileNetV2's inverted residuals with stride are chains that end with the projection", async () => {
    const { blocks } = await load("mobilenet_v2_100_224_dequant.onnx");
    const inner = blocks.filter(({ kind }) => kind === "chain" || kind === "residual");
    expect(inner.map(({ layers }) => layers.length)).toEqual([2, ...Array.from({ length: 16 }, () => 3)]);
    expect(inner.map(({ kind }) => (kind === "residual" ? "r" : "c")).join("")).toBe("ccrcrrcrrrcrrcrrc");
  });

  test("YOLOX has one stem and nine last layers, one for each output of each scale", async () => {
    const { firstLast, blocks } = await load("yolox_nano.onnx");
    const heads = ["cls", "obj", "reg"].flatMap((what) => [0, 1, 2].map((scale) => `head.${what}_preds.${scale}`));
    expect([...firstLast].sort()).toEqual(["Conv_41", ...heads].sort());
    const stages = blocks.find(({ name }) => name === "Conv_50..Conv_67")!;
    expect(stages.kind).toBe("join");
    expect(stages.nodes.filter(({ opType }) => opType === "Concat" || opType === "Add").map(({ opType }) => opType)).toEqual(["Add", "Concat"]);
  });

  test("UltraFace's receptive field block is one residual block", async () => {
    const { blocks, firstLast } = await load("version-RFB-320.onnx");
    expect(blocks.find(({ kind }) => kind === "residual")).toMatchObject({ name: "base_net.7" });
    expect(firstLast.size).toBe(9);
  });
});
