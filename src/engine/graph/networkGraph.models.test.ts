import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type NetworkGraph, networkGraphSchema } from "../../config/networkGraph.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { networkGraph } from "./networkGraph.ts";
import { prepareNetwork } from "./prepare.ts";

const models = resolve(import.meta.dirname, "../../../../shared/models");
const names = ["cifar10_resnet20.onnx", "cifar10_resnet20_bn.onnx", "mobilenet_v2_100_224_dequant.onnx", "yolox_nano.onnx"];

describe.skipIf(!existsSync(models))("networkGraph of real models (needs ../shared)", () => {
  const graphs = new Map<string, NetworkGraph>();
  const graphOf = (name: string) => graphs.get(name)!;

  beforeAll(async () => {
    const runtime = await createRuntime({ provider: "cpu", threads: 2, backend: "auto" });
    for (const name of names) {
      const network = await prepareNetwork(await loadModel(resolve(models, name)), runtime);
      graphs.set(name, networkGraph(network, name, 1));
    }
  }, 60_000);

  it.each(names)("%s: every operator, block and edge has its place", (name) => {
    const graph = graphOf(name);
    networkGraphSchema.parse(graph);
    const groups = new Map(graph.groups.map((group) => [group.id, group]));
    const ends = new Set([...graph.operators, ...graph.inputs, ...graph.outputs].map(({ id }) => id));
    expect(new Set([...ends, ...groups.keys()]).size).toBe(graph.operators.length + graph.inputs.length + graph.outputs.length + groups.size);
    for (const { parent } of graph.operators) expect(groups.has(parent!)).toBe(true);
    for (const { from, to } of graph.edges) expect(ends.has(from) && ends.has(to)).toBe(true);
    for (const group of graph.groups) {
      expect(group.level === "block").toBe(group.parent !== undefined);
      const inside = graph.operators.filter(({ parent }) => parent === group.id || groups.get(parent!)!.parent === group.id);
      expect(inside).toHaveLength(group.operators);
      expect(inside.flatMap(({ layer }) => layer ?? []).sort()).toEqual([...group.layers].sort());
    }
    const layers = graph.operators.flatMap(({ layer }) => layer ?? []);
    expect(layers).toEqual(graph.layers.map((layer) => layer.name));
  });

  it("ResNet-20 has its three resolutions and the classifier as stages", () => {
    const graph = graphOf("cifar10_resnet20.onnx");
    const stages = graph.groups.filter(({ level }) => level === "stage");
    expect(stages.map(({ name, layers }) => [name, layers.length])).toEqual([
      ["stage1", 7],
      ["layer2", 6],
      ["layer3", 6],
      ["linear", 1],
    ]);
    expect(graph.groups.filter(({ kind }) => kind === "residual")).toHaveLength(9);
    expect([...graph.firstLast].sort()).toEqual(["conv1", "linear"]);
  });

  it("an operator tells what is folded into it", () => {
    const graph = graphOf("cifar10_resnet20_bn.onnx");
    const conv = graph.operators.find(({ layer }) => layer === "conv1")!;
    expect(conv.attributes["made of"]).toBe("Conv, BatchNormalization");
    expect(conv.attributes.strides).toBe("[1, 1]");
    const plain = graphOf("cifar10_resnet20.onnx").operators.find(({ layer }) => layer === "conv1")!;
    expect(plain.attributes["made of"]).toBeUndefined();
  });

  it("layers have the facts that sizes and heat follow from", () => {
    const conv = graphOf("cifar10_resnet20.onnx").layers.find(({ name }) => name === "layer1.0.conv1")!;
    expect(conv).toMatchObject({ op: "Conv", block: "layer1.0", stage: "stage1", weights: 2304, channels: 16, macs: 2304 * 32 * 32 });
    expect(conv.weightRange[0]).toBeLessThan(0);
    expect(conv.nearestSqnr["4"]! - conv.nearestSqnr["2"]!).toBeGreaterThan(6);
  });

  it("weights are not in it", () => {
    expect(JSON.stringify(graphOf("mobilenet_v2_100_224_dequant.onnx")).length).toBeLessThan(100_000);
  });
});
