/**
 * @file Measures the host's part of the graph view on a deep residual network of `--operators 10000`: reading the file, preparing it, describing it, the message to the host, and what
 * is visible with all closed, a stage open, and everything open. `--threads 2`. Prints one JSON line a figure. Run: `node bench/run.mjs graphHost`.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { networkGraphSchema } from "../src/config/networkGraph.ts";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import { networkGraph } from "../src/engine/graph/networkGraph.ts";
import { prepareNetwork } from "../src/engine/graph/prepare.ts";
import { loadModel, saveModel } from "../src/engine/onnx/modelFile.ts";
import { floatTensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { GraphIndex } from "../src/extension/graph/graphIndex.ts";
import { visibleGraph } from "../src/extension/graph/visibleGraph.ts";

const { values } = parseArgs({ options: { operators: { type: "string", default: "10000" }, threads: { type: "string", default: "2" } } });
const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-graph-"));
const file = path.join(folder, "deep.onnx");
try {
  await saveModel(deepModel(Number(values.operators)), file);
  report("file, MB", statSync(file).size / 1e6);
  const runtime = await createRuntime({ provider: "cpu", threads: Number(values.threads), backend: "auto" });
  const model = await timed("read, ms", () => loadModel(file));
  const network = await timed("prepare, ms", () => prepareNetwork(model, runtime));
  const drawn = await timed("describe, ms", () => networkGraph(network, file, 0));
  const text = await timed("write the message, ms", () => JSON.stringify(drawn));
  report("message, MB", text.length / 1e6);
  const graph = await timed("read and check the message, ms", () => networkGraphSchema.parse(JSON.parse(text)));
  report("operators", graph.operators.length);
  const index = await timed("index, ms", () => new GraphIndex(graph));
  const stages = graph.groups.filter(({ level }) => level === "stage").map(({ id }) => id);
  const everything = graph.groups.map(({ id }) => id);
  for (const [name, open] of [
    ["closed", []],
    ["one stage open", stages.slice(0, 1)],
    ["everything open", everything],
  ] as const) {
    visibleGraph(graph, new Set(open));
    await timed(`visible, ${name}, ms`, () => visibleGraph(graph, new Set(open)));
  }
  await timed("first search, ms", () => index.find("conv 16x16"));
  await timed("trace from the first operator, ms", () => index.trace(graph.operators[0]!.id, "down"));
} finally {
  rmSync(folder, { recursive: true });
}

/** Four stages of residual blocks (Conv, Relu, Conv, Add, Relu) with 4 to 32 channels; each stage begins with a convolution of stride 2. */
function deepModel(operators: number) {
  const b = new GraphBuilder();
  const blocks = Math.ceil(operators / 20);
  let x = b.input("input", "float", ["batch", 3, 32, 32]);
  let channels = 3;
  for (let stage = 1; stage <= 4; stage++) {
    x = conv(b, x, `layer${stage}.down`, channels, 2 ** (stage + 1), 2);
    channels = 2 ** (stage + 1);
    for (let block = 0; block < blocks; block++) {
      const name = `layer${stage}.${block}`;
      const first = b.op("Relu", [conv(b, x, `${name}.conv1`, channels, channels, 1)]);
      x = b.op("Relu", [b.op("Add", [conv(b, first, `${name}.conv2`, channels, channels, 1), x])]);
    }
  }
  b.output(x, "output", "float", ["batch", channels, 2, 2]);
  return b.model({ opset: 17, irVersion: 8 });
}

function conv(b: GraphBuilder, x: string, name: string, from: number, to: number, stride: number): string {
  const weights = Float32Array.from({ length: to * from * 9 }, (_, i) => Math.sin(i * 12.9898 + name.length) / (from * 9));
  const weight = b.constant(floatTensor(weights, [to, from, 3, 3]), `${name}.weight`);
  return b.op("Conv", [x, weight], { pads: [1, 1, 1, 1], strides: [stride, stride] }, { name: `/${name.replaceAll(".", "/")}/Conv` });
}

async function timed<T>(figure: string, act: () => T | Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await act();
  report(figure, performance.now() - started);
  return result;
}

function report(figure: string, value: number): void {
  console.log(JSON.stringify({ bench: "graphHost", figure, value: Number(value.toPrecision(4)) }));
}
