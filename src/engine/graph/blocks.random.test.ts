/** @file What holds for the blocks of any network, on random ones; and how long large networks take. */
import { describe, expect, test } from "vitest";
import { NetworkBuilder } from "../../../test/support/networks.ts";
import { TestRandom } from "../../../test/support/random.ts";
import { hasRule } from "../autodiff/rules.ts";
import { type Block, partition } from "./blocks.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { findLayers } from "./layers.ts";
import { Shapes } from "./shapes.ts";

/** Every value is a float of 4 channels of 8x8: what these networks are built of keeps that. */
function uniformShapes(graph: Graph): Shapes {
  const values = ["image", ...graph.nodes.flatMap(({ output }) => output)];
  const dims = [0, 4, 8, 8].map((base, axis) => ({ base, perBatch: axis === 0 ? 1 : 0 }));
  return new Shapes(graph, new Map(values.map((value) => [value, dims])), new Map(values.map((value) => [value, "float"])));
}

function blocksOf(graph: Graph): Block[] {
  const shapes = uniformShapes(graph);
  return partition(graph, findLayers(graph, shapes), shapes);
}

/** A network in which any node reads any earlier ones, mostly the last one. */
function randomNetwork(random: TestRandom, size: number): Graph {
  const b = new NetworkBuilder();
  const values = [b.image(4, 8)];
  const any = () => {
    const back = random.uniform() < 0.7 ? 0 : random.integer(0, Math.min(values.length - 1, 8));
    return values[values.length - 1 - back]!;
  };
  for (let i = 0; i < size; i++) {
    const kind = random.uniform();
    if (kind < 0.35) values.push(b.conv(`layer${i}`, any(), 4));
    else if (kind < 0.55) values.push(b.relu(any()));
    else if (kind < 0.6) values.push(b.unary("Hardmax", any()));
    else if (kind < 0.75) values.push(b.join(random.pick(["Add", "Mul"]), any(), any()));
    else if (kind < 0.85) values.push(b.silu(any()));
    else if (kind < 0.95) values.push(b.conv(`mix${i}`, b.concat(any(), any()), 4, { kernel: 1 }));
    else for (const half of b.ops("Split", [any()], 2, { axis: 1 })) values.push(b.withChannels(half, 4));
  }
  const graph = b.finish(values.at(-1)!, any());
  graph.removeUnused();
  return graph;
}

describe("on 300 random networks", () => {
  const networks = Array.from({ length: 300 }, (_, seed) => randomNetwork(new TestRandom(seed), 10 + (seed % 60)));

  test("every node is in one block, and blocks read only what earlier ones make", () => {
    for (const graph of networks) {
      const blocks = blocksOf(graph);
      expect(blocks.flatMap(({ nodes }) => nodes).length).toBe(graph.nodes.length);
      expect(new Set(blocks.flatMap(({ nodes }) => nodes))).toEqual(new Set(graph.nodes));
      const known = new Set(graph.inputs.map(({ name }) => name));
      for (const { nodes, inputs, outputs } of blocks) {
        expect(inputs.filter((value) => !known.has(value))).toEqual([]);
        const inside = new Set(inputs);
        for (const node of nodes) {
          expect(nodeReads(node).filter((value) => !inside.has(value) && !graph.initializers.has(value))).toEqual([]);
          for (const value of node.output) inside.add(value);
        }
        for (const value of outputs) known.add(value);
      }
    }
  });

  test("names are unique, and each layer is in one block", () => {
    for (const graph of networks) {
      const blocks = blocksOf(graph);
      expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
      const layers = blocks.flatMap((block) => block.layers.map(({ name }) => name));
      expect(layers.sort()).toEqual(
        findLayers(graph, uniformShapes(graph))
          .map(({ name }) => name)
          .sort(),
      );
    }
  });

  test("kinds agree with contents", () => {
    for (const { kind, layers, inputs, outputs } of networks.flatMap(blocksOf)) {
      if (kind === "glue") expect(layers).toEqual([]);
      if (kind === "layer") expect(layers).toHaveLength(1);
      if (kind === "chain") expect([inputs.length, outputs.length]).toEqual([1, 1]);
      if (kind !== "glue") expect(outputs.length).toBeGreaterThan(0);
    }
  });

  test("no operator without gradient depends on a layer of its own block", () => {
    for (const { nodes, layers } of networks.flatMap(blocksOf)) {
      const trained = new Set<string>();
      for (const node of nodes) {
        const behind = nodeReads(node).some((value) => trained.has(value));
        if (behind) expect(hasRule(node.opType, node.domain)).toBe(true);
        if (behind || layers.some((layer) => layer.node === node)) for (const value of node.output) trained.add(value);
      }
    }
  });

  test("most of them have blocks of several layers", () => {
    const several = networks.filter((graph) => blocksOf(graph).some(({ layers }) => layers.length > 1));
    expect(several.length).toBeGreaterThan(200);
  });
});

describe("10,000 nodes take less than two seconds of computing", () => {
  const size = 10_000;
  const networks: Record<string, (b: NetworkBuilder, image: string) => string> = {
    "a chain": (b, image) => repeat(b, image, (x, i) => b.convRelu(`c${i}`, x, 4)),
    "residual blocks": (b, image) => repeat(b, image, (x, i) => b.relu(b.sum(b.conv(`b${i}.2`, b.convRelu(`b${i}.1`, x, 4), 4), x))),
    "activations behind one layer": (b, image) => repeat(b, b.conv("c", image, 4), (x) => b.relu(x)),
    "sums that all read the input": (b, image) => repeat(b, image, (x) => b.sum(x, image)),
    "a U-Net of 2,500 levels": (b, image) => {
      const skips: string[] = [];
      let x = image;
      while (b.nodes.length < size / 2) {
        x = b.convRelu(`down${skips.length}`, x, 4);
        skips.push(x);
      }
      return skips.reduceRight((y, skip, i) => b.convRelu(`up${i}`, b.concat(y, skip), 4), x);
    },
    "dense layers that read 100 others": (b, image) => {
      const features = [b.conv("stem", image, 4)];
      while (b.nodes.length < size) features.push(b.convRelu(`d${features.length}`, b.concat(...features.slice(-100)), 4, { kernel: 1 }));
      return features.at(-1)!;
    },
  };

  function repeat(b: NetworkBuilder, start: string, step: (x: string, i: number) => string): string {
    let x = start;
    for (let i = 0; b.nodes.length < size; i++) x = step(x, i);
    return x;
  }

  test.each(Object.keys(networks))("%s", (name) => {
    const b = new NetworkBuilder();
    const graph = b.finish(networks[name]!(b, b.image(4, 8)));
    const shapes = uniformShapes(graph);
    const before = process.cpuUsage();
    const blocks = partition(graph, findLayers(graph, shapes), shapes);
    // Of this process: other processes may keep the machine busy.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(2);
    expect(blocks.flatMap(({ nodes }) => nodes).length).toBe(graph.nodes.length);
  });
});
