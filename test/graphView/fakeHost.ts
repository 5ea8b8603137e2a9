/** @file The extension's side of the graph view, over a network alone: it opens, finds, traces and edits as the extension does. */
import type { LayerDetails } from "../../src/config/layerDetails.ts";
import type { NetworkGraph } from "../../src/config/networkGraph.ts";
import type { Sensitivity } from "../../src/config/sensitivity.ts";
import { GraphIndex } from "../../src/extension/graph/graphIndex.ts";
import { visibleGraph } from "../../src/extension/graph/visibleGraph.ts";
import type { FromGraphView, ShownRun, ToGraphView } from "../../src/protocol/graphView.ts";

export class FakeHost {
  readonly graph: NetworkGraph;
  readonly received: FromGraphView[] = [];
  /** Runs by name: what bits and results they have. */
  readonly runs = new Map<string, ShownRun>();
  config: string | undefined = "network.brecq.json";
  post: (message: ToGraphView) => Promise<void> = async () => {};
  private readonly index: GraphIndex;
  private run: string | undefined;
  private other: string | undefined;

  constructor(graph: NetworkGraph) {
    this.graph = graph;
    this.index = new GraphIndex(graph);
    this.runs.set("w4", runOf(graph, "w4", 4));
    this.runs.set("w2", runOf(graph, "w2", 2));
    this.run = "w4";
  }

  async receive(message: FromGraphView): Promise<void> {
    this.received.push(message);
    switch (message.type) {
      case "ready":
        await this.sendModel();
        await this.sendRun();
        return this.sendGraph([]);
      case "open":
        return this.sendGraph(message.groups, message.focus);
      case "edit": {
        const { bits } = this.runs.get(this.run!)!;
        for (const layer of message.layers) bits[layer] = { ...bits[layer]!, [message.which]: message.bits };
        return this.sendRun();
      }
      case "show-run":
        [this.run, this.other] = [message.run, message.other];
        return this.sendRun();
      case "details":
        return this.post({ type: "details", details: detailsOf(this.graph, message.layer) });
      case "find":
        return this.post({ type: "found", query: message.query, hits: this.index.find(message.query) });
      case "trace":
        return this.post({ ...message, ids: this.index.trace(message.from, message.direction) });
    }
  }

  last<T extends FromGraphView["type"]>(type: T): Extract<FromGraphView, { type: T }> | undefined {
    return this.received.filter((message): message is Extract<FromGraphView, { type: T }> => message.type === type).at(-1);
  }

  sendModel(): Promise<void> {
    const { model, opset, fp32Bytes, layers, groups, unprepared } = this.graph;
    const config = this.config;
    const runs = [...this.runs.keys()];
    return this.post({ type: "model", name: model, opset, fp32Bytes, layers, groups, unprepared, config, configFile: config, runs });
  }

  sendRun(): Promise<void> {
    const fp32: ShownRun = { bits: {}, firstLast: [], layers: [], activations: [], blocks: [] };
    const other = this.other === undefined ? undefined : this.runs.get(this.other);
    return this.post({ type: "run", shown: this.run === undefined ? fp32 : this.runs.get(this.run)!, other });
  }

  private sendGraph(open: string[], focus?: string): Promise<void> {
    const groups = new Set(open);
    if (focus !== undefined && this.index.has(focus)) for (const group of this.index.ancestors(focus)) groups.add(group);
    return this.post({ type: "graph", graph: visibleGraph(this.graph, groups), focus });
  }
}

/** Results whose figures follow from the layers' places, so that tests can name them. */
function runOf(graph: NetworkGraph, run: string, bits: number): ShownRun {
  const blocks = graph.groups.filter(({ level, layers }) => level === "block" && layers.length > 0);
  return {
    run,
    bits: Object.fromEntries(graph.layers.map(({ name }) => [name, { weights: bits, activations: 8 }])),
    firstLast: graph.firstLast,
    layers: graph.layers.map(({ name, op, block, shape, parameters }, index) => {
      return { name, op, block, shape, parameters, weightBits: bits, activationBits: 8, bytes: parameters, sqnr: 10 + index, flipped: index / 100 };
    }),
    // Layer i reads values from 0 to i + 1.
    activations: graph.layers.flatMap(({ name, input }, index) =>
      input === undefined ? [] : [{ value: input, readers: [name], bits: 8, scale: (index + 1) / 255, zeroPoint: 0 }],
    ),
    blocks: blocks.map(({ name, kind, layers }, index) => ({
      name,
      kind,
      layers,
      loss: { before: (index + 1) / bits, after: (index + 1) / bits / 10 },
      steps: 100,
      seconds: 1,
      curve: [0, 50, 100].map((step) => ({ step, loss: (index + 1) / (step + 10) })),
    })),
  };
}

/** Losses of the first `count` layers, and the pairs inside their blocks. */
export function sensitivityOf(graph: NetworkGraph, count = graph.layers.length): Sensitivity {
  const measured = graph.layers.slice(0, count);
  const candidates = [2, 4, 8];
  return {
    model: graph.model,
    fingerprint: "test",
    measure: "test",
    candidates,
    crossings: [],
    samples: 1,
    complete: count === graph.layers.length,
    layers: measured.map(({ name, block }, index) => ({
      layer: name,
      block,
      losses: { 2: (index + 1) / 10, 4: (index + 1) / 100, 8: (index + 1) / 10_000 },
    })),
    pairs: measured.flatMap((first, i) =>
      measured
        .slice(i + 1)
        .filter(({ block }) => block === first.block)
        .flatMap((second) =>
          candidates.map((bits) => ({
            block: first.block,
            layers: [first.name, second.name] as [string, string],
            bits: [bits, bits] as [number, number],
            loss: -0.001 * bits,
          })),
        ),
    ),
  };
}

function detailsOf(graph: NetworkGraph, layer: string): LayerDetails {
  const [from, to] = graph.layers.find(({ name }) => name === layer)!.weightRange;
  const counts = Array.from({ length: 48 }, (_, i) => Math.round(400 * Math.exp(-(((i - 24) / 8) ** 2))));
  return {
    layer,
    histogram: { from, to, counts },
    grid: Array.from({ length: 16 }, (_, i) => from + ((to - from) * i) / 15),
    activation: { from: 0, to: 6 },
    flipped: 0.12,
  };
}
