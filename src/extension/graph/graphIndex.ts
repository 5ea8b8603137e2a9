/** @file Questions about a network that go beyond what is on the page. */
import type { NetworkGraph } from "../../config/networkGraph.ts";
import { shapeText } from "./visibleGraph.ts";

export interface Hit {
  id: string;
  name: string;
  op: string;
  shape: string;
  /** What is selected with it. */
  layers: string[];
}

const mostHits = 200;

/** Finds, traces and looks up; made once a network. */
export class GraphIndex {
  readonly graph: NetworkGraph;
  private readonly parents = new Map<string, string | undefined>();
  private readonly readers = new Map<string, string[]>();
  private readonly producers = new Map<string, string[]>();
  private readonly operatorOfLayer = new Map<string, string>();
  private entries: { hit: Hit; text: string }[] | undefined;

  constructor(graph: NetworkGraph) {
    this.graph = graph;
    for (const { id, parent } of graph.groups) this.parents.set(id, parent);
    for (const { id, parent, layer } of graph.operators) {
      this.parents.set(id, parent);
      if (layer !== undefined) this.operatorOfLayer.set(layer, id);
    }
    for (const { from, to } of graph.edges) {
      append(this.readers, from, to);
      append(this.producers, to, from);
    }
  }

  has(id: string): boolean {
    return this.parents.has(id) || this.graph.inputs.some((input) => input.id === id) || this.graph.outputs.some((output) => output.id === id);
  }

  /** The groups around a node, the innermost first. */
  ancestors(id: string): string[] {
    const groups: string[] = [];
    for (let group = this.parents.get(id); group !== undefined; group = this.parents.get(group)) groups.push(group);
    return groups;
  }

  /** The operator that is a layer. */
  operatorOf(layer: string): string | undefined {
    return this.operatorOfLayer.get(layer);
  }

  /** Nodes whose name, operator or shape hold every word; at most 200. */
  find(query: string): Hit[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    this.entries ??= searchEntries(this.graph);
    const hits: Hit[] = [];
    for (const { hit, text } of this.entries) {
      if (words.every((word) => text.includes(word))) hits.push(hit);
      if (hits.length === mostHits) break;
    }
    return hits;
  }

  /** Everything that a node's outputs flow into ("down"), or that it depends on ("up"), with the groups around it and the node itself. */
  trace(from: string, direction: "up" | "down"): string[] {
    const next = direction === "down" ? this.readers : this.producers;
    const isGroup = this.graph.groups.some(({ id }) => id === from);
    const queue = isGroup ? this.graph.operators.filter(({ id }) => this.ancestors(id).includes(from)).map(({ id }) => id) : [from];
    const reached = new Set(queue);
    for (const id of queue) {
      for (const neighbour of next.get(id) ?? []) {
        if (reached.has(neighbour)) continue;
        reached.add(neighbour);
        queue.push(neighbour);
      }
    }
    for (const id of queue) for (const group of this.ancestors(id)) reached.add(group);
    return [...reached];
  }
}

function searchEntries({ groups, operators, layers, inputs, outputs }: NetworkGraph): { hit: Hit; text: string }[] {
  const weights = new Map(layers.map(({ name, shape }) => [name, shapeText(shape)]));
  const entry = (hit: Hit, ...more: string[]) => {
    const text = [hit.name, hit.op, hit.shape, ...more].join(" ").toLowerCase();
    // Shapes are found with the letter x too, which is on the keyboard.
    return { hit, text: `${text} ${text.replaceAll("×", "x")}` };
  };
  return [
    ...inputs.map(({ id, name, shape }) => entry({ id, name, op: "input", shape: shapeText(shape), layers: [] })),
    ...outputs.map(({ id, name, shape }) => entry({ id, name, op: "output", shape: shapeText(shape), layers: [] })),
    ...groups.map(({ id, name, kind, level, outputShape, layers: inside }) =>
      entry({ id, name, op: kind, shape: shapeText(outputShape ?? []), layers: inside }, level),
    ),
    ...operators.map(({ id, name, op, layer, outputShape }) =>
      entry(
        { id, name: layer ?? name, op, shape: shapeText(outputShape ?? []), layers: layer === undefined ? [] : [layer] },
        name,
        weights.get(layer ?? "") ?? "",
      ),
    ),
  ];
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
