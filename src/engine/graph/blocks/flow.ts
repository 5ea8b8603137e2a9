/** @file The data flow of a graph as numbers: what block finding works on. */
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { type Graph, nodeReads } from "../graph.ts";

/** The vertex that stands for everything that the network is given. */
export const source = 0;

/**
 * A graph's nodes as vertices 1, 2, … in topological order; vertex 0 makes the graph inputs. Edges are values; constants are none.
 * A node that reads no value hangs on vertex 0.
 */
export interface Flow {
  readonly size: number;
  /** Undefined for vertex 0. */
  readonly nodes: readonly (NodeProto | undefined)[];
  /** Vertices that are read, once each. */
  readonly preds: readonly (readonly number[])[];
  /** Vertices that read, once each, in order. */
  readonly succs: readonly (readonly number[])[];
  /** Whether the vertex makes a graph output. */
  readonly isOutput: readonly boolean[];
}

export function flowOf(graph: Graph): Flow {
  const nodes = [undefined, ...graph.nodes];
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const maker = new Map(graph.inputs.map(({ name }) => [name, source]));
  const preds: number[][] = [[]];
  const succs: number[][] = nodes.map(() => []);
  graph.nodes.forEach((node, i) => {
    const vertex = i + 1;
    const read = new Set(nodeReads(node).flatMap((value) => maker.get(value) ?? []));
    preds.push(read.size > 0 ? [...read] : [source]);
    for (const pred of preds[vertex]!) succs[pred]!.push(vertex);
    for (const value of node.output) if (value !== "") maker.set(value, vertex);
  });
  const isOutput = nodes.map((node) => node?.output.some((value) => outputs.has(value)) ?? false);
  return { size: nodes.length, nodes, preds, succs, isOutput };
}
