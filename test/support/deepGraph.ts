/** @file A deep residual network as it is drawn: what the view must bear. */
import type { NetworkGraph } from "../../src/config/networkGraph.ts";

/** Four stages of residual blocks of five operators, at least `size` operators in all. */
export function deepGraph(size: number): NetworkGraph {
  const blocksPerStage = Math.ceil(size / 20);
  const graph: NetworkGraph = {
    model: "deep.onnx",
    opset: 17,
    inputs: [{ id: "in:input", name: "input", shape: ["batch", 16, 32, 32] }],
    outputs: [{ id: "out:output", name: "output", shape: ["batch", 16, 4, 4] }],
    groups: [],
    operators: [],
    edges: [],
    layers: [],
    firstLast: [],
    aliases: {},
    fp32Bytes: 4 * size,
    warnings: [],
  };
  let last = "in:input";
  for (let stage = 1; stage <= 4; stage++) {
    const blocks = Array.from({ length: blocksPerStage }, (_, i) => `layer${stage}.${i}`);
    const layersOf = (block: string) => [`${block}.conv1`, `${block}.conv2`];
    const name = `layer${stage}`;
    const id = `stage:${name}`;
    graph.groups.push({ id, name, level: "stage", kind: "stage", operators: 5 * blocks.length, layers: blocks.flatMap(layersOf) });
    for (const block of blocks) {
      const parent = `block:${block}`;
      graph.groups.push({ id: parent, name: block, level: "block", kind: "residual", parent: id, operators: 5, layers: layersOf(block) });
      last = addBlock(graph, block, parent, name, last);
    }
  }
  graph.edges.push({ from: last, to: "out:output", value: "output" });
  return graph;
}

/** Conv, Relu, Conv, Add, Relu; gives the id of the last. */
function addBlock(graph: NetworkGraph, block: string, parent: string, stage: string, input: string): string {
  let last = input;
  for (const [op, part] of [
    ["Conv", "conv1"],
    ["Relu", "relu1"],
    ["Conv", "conv2"],
    ["Add", "add"],
    ["Relu", "relu2"],
  ] as const) {
    const id = `op:${graph.operators.length}`;
    const layer = op === "Conv" ? `${block}.${part}` : undefined;
    const outputShape = ["batch", 16, 32, 32];
    graph.operators.push({ id, name: `/${block}/${part}`, op, domain: "", parent, layer, outputShape, attributes: {} });
    graph.edges.push({ from: last, to: id, value: `${id}.in`, shape: outputShape });
    if (op === "Add") graph.edges.push({ from: input, to: id, value: `${id}.skip`, shape: outputShape });
    if (layer) {
      const shape = [16, 16, 3, 3];
      const facts = { shape, parameters: 2304, weights: 2304, channels: 16, macs: 2304 * 1024 };
      graph.layers.push({ name: layer, op, block, stage, ...facts, weightRange: [-1, 1], nearestSqnr: { 2: 5, 4: 17, 8: 41 } });
    }
    last = id;
  }
  return last;
}
