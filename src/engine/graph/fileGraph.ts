/** @file A model as it stands in its file, for drawing where it cannot be prepared: operators and what passes between them. */
import type { NetworkGraph, OperatorNode } from "../../config/networkGraph.ts";
import type { ModelProto, NodeProto, ValueInfoProto } from "../onnx/onnx_pb.ts";
import { attributeTexts } from "./attributeText.ts";
import { Graph, nodeLabel, nodeReads } from "./graph.ts";

/**
 * Describes the main graph of a model without preparing it: no stages, blocks and layers. Shapes are those that the file states.
 * @param unprepared why the model cannot be prepared, a sentence for the user
 * @param fp32Bytes size of the model's files
 */
export function fileGraph(source: ModelProto, model: string, unprepared: string, fp32Bytes: number): NetworkGraph {
  const graph = new Graph(source);
  const shapes = statedShapes(source);
  const ids = new Map(graph.nodes.map((node, i) => [node, `op:${i}`]));
  const terminal = (prefix: "in" | "out", { name }: ValueInfoProto) => ({ id: `${prefix}:${name}`, name, shape: shapes.get(name) ?? [] });
  return {
    model,
    opset: graph.opset,
    inputs: graph.inputs.map((input) => terminal("in", input)),
    outputs: graph.outputs.map((output) => terminal("out", output)),
    groups: [],
    operators: graph.nodes.map((node) => operatorNode(node, ids.get(node)!, shapes)),
    edges: fileEdges(graph, ids, shapes),
    layers: [],
    firstLast: [],
    aliases: {},
    fp32Bytes,
    warnings: [],
    unprepared,
  };
}

type Shapes = ReadonlyMap<string, (number | string)[]>;

function operatorNode(node: NodeProto, id: string, shapes: Shapes): OperatorNode {
  return {
    id,
    name: nodeLabel(node),
    op: node.opType,
    domain: node.domain,
    outputShape: shapes.get(node.output[0] ?? ""),
    attributes: attributeTexts(node),
  };
}

function fileEdges(graph: Graph, ids: ReadonlyMap<NodeProto, string>, shapes: Shapes): NetworkGraph["edges"] {
  const sources = new Map<string, string>();
  for (const { name } of graph.inputs) sources.set(name, `in:${name}`);
  for (const node of graph.nodes) for (const output of node.output) sources.set(output, ids.get(node)!);
  const edge = (value: string, to: string) => {
    const from = sources.get(value);
    return from === undefined ? [] : [{ from, to, value, shape: shapes.get(value) }];
  };
  return [
    ...graph.nodes.flatMap((node) => [...new Set(nodeReads(node))].flatMap((value) => edge(value, ids.get(node)!))),
    ...graph.outputs.flatMap(({ name }) => edge(name, `out:${name}`)),
  ];
}

/** Shapes by value, where the file states them; a side of unknown length is a question mark. */
function statedShapes({ graph }: ModelProto): Shapes {
  const shapes = new Map<string, (number | string)[]>();
  for (const { name, type } of [...(graph?.input ?? []), ...(graph?.output ?? []), ...(graph?.valueInfo ?? [])]) {
    const shape = type?.value.case === "tensorType" ? type.value.value.shape : undefined;
    if (!shape) continue;
    shapes.set(
      name,
      shape.dim.map(({ value }) => {
        if (value.case === "dimValue") return Number(value.value);
        return value.case === "dimParam" && value.value !== "" ? value.value : "?";
      }),
    );
  }
  return shapes;
}
