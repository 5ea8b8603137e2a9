/** @file What of a network stays in FP32, and why. */
import { hasRule } from "../autodiff/rules.ts";
import type { GraphProto, NodeProto } from "../onnx/onnx_pb.ts";
import { dataTypeOfCode } from "../onnx/tensorCodec.ts";
import { type Graph, nodeLabel } from "./graph.ts";
import { isWeighted, type Layer } from "./layers.ts";

/** Operators of one kind that are not quantized, or that reconstruction cannot look through, for one reason. */
export interface Unsupported {
  readonly op: string;
  /** "" for the default operator set. */
  readonly domain: string;
  readonly count: number;
  /** The first 20, as they are named to the user. */
  readonly nodes: readonly string[];
  readonly reason: string;
}

const listedNodes = 20;

/** What the network keeps in FP32 though it has weights, and operators without a gradient. None of it stops a run. */
export function findUnsupported(graph: Graph, layers: readonly Layer[]): Unsupported[] {
  const layerNodes = new Set(layers.map(({ node }) => node));
  const found = new Map<string, { op: string; domain: string; reason: string; count: number; nodes: string[] }>();
  const note = (node: NodeProto, reason: string) => {
    const domain = node.domain === "ai.onnx" ? "" : node.domain;
    const key = [node.opType, domain, reason].join("\n");
    const entry = found.get(key) ?? { op: node.opType, domain, reason, count: 0, nodes: [] };
    entry.count++;
    if (entry.nodes.length < listedNodes) entry.nodes.push(nodeLabel(node));
    found.set(key, entry);
  };
  for (const node of graph.nodes) {
    const reason = layerNodes.has(node) ? undefined : reasonOf(graph, node);
    if (reason) note(node, reason);
    for (const inner of innerNodes(node)) if (isWeighted(inner)) note(inner, "It lies in a subgraph: it stays in FP32.");
  }
  return [...found.values()];
}

function reasonOf(graph: Graph, node: NodeProto): string | undefined {
  const weights = isWeighted(node) ? weightReason(graph, node) : undefined;
  if (weights || hasRule(node.opType, node.domain)) return weights;
  if (node.domain !== "" && node.domain !== "ai.onnx") return "Its operator set is not known: it stays in FP32, and blocks end before it.";
  return "It has no gradient rule: it stays in FP32, and blocks end before it.";
}

/** Why the operator is no layer; undefined where it has no weights at all, as a product of two computed matrices. */
function weightReason(graph: Graph, node: NodeProto): string | undefined {
  const weight = graph.initializers.get(node.input[1] ?? "");
  if (!weight && graph.initializers.has(node.input[0] ?? "")) return "Its weights are the first factor, not the second: it stays in FP32.";
  if (!weight) return node.opType === "MatMul" ? undefined : "Its weights are not constant: it stays in FP32.";
  const type = dataTypeOfCode(weight.dataType);
  if (type !== "float") return `Its weights are of type ${type ?? "unknown"}, not float: they are not quantized.`;
  return "Its weights have fewer than two axes: it stays in FP32.";
}

/** Nodes of a node's subgraphs, at any depth. */
function innerNodes(node: NodeProto): NodeProto[] {
  const graphs: GraphProto[] = node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
  return graphs.flatMap((graph) => graph.node.flatMap((inner) => [inner, ...innerNodes(inner)]));
}
