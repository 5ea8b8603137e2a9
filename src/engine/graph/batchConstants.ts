/** @file Constants into which an exporter wrote the batch. */
import { create } from "@bufbuild/protobuf";
import { type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor, type Tensor, toNumbers } from "../onnx/tensor.ts";
import { type AttributeValue, attributeOf, intAttribute, makeAttributes, removeAttribute } from "./attributes.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { resizeScales } from "./resizeScales.ts";
import type { Shapes } from "./shapes.ts";
import { isOperator, takeName, usedNames } from "./subgraphs.ts";

interface Opening {
  readonly graph: Graph;
  readonly shapes: Shapes;
  readonly batch: number;
  /** Values that depend on the inputs. */
  readonly varying: Set<string>;
  readonly takenNames: Set<string>;
}

/**
 * Replaces what holds the batch in nodes that work on samples: targets of Reshape and Expand, sizes of Resize, and constants that are
 * joined to each sample. A guess: the outputs must be checked.
 * @param shapes for that batch
 */
export function openBatch(graph: Graph, shapes: Shapes, batch: number): void {
  const varying = new Set(graph.inputs.map(({ name }) => name));
  const opening: Opening = { graph, shapes, batch, varying, takenNames: usedNames(graph) };
  const nodes = graph.nodes.flatMap((node) => {
    if (!nodeReads(node).some((value) => varying.has(value))) return [node];
    for (const output of node.output) varying.add(output);
    if (isOperator(node, "Concat")) return [...repeatConstants(opening, node), node];
    if (varying.has(node.input[0]!) && shapes.has(node.input[0]!) && shapes.has(node.output[0]!)) openTarget(opening, node);
    return [node];
  });
  graph.setNodes(nodes);
}

function openTarget(opening: Opening, node: NodeProto): void {
  const { graph, shapes, batch } = opening;
  const dims = shapes.shapeOf(node.output[0]!, batch);
  const target = entriesOf(graph, node.input[1]);
  const holdsBatch = target?.[0] !== undefined && target[0] > 0 && target[0] % batch === 0;
  if (isOperator(node, "Reshape") && holdsBatch && !dims.includes(0)) {
    setInput(opening, node, 1, "target", int64Tensor([-1, ...dims.slice(1)]));
    removeAttribute(node, "allowzero");
  } else if (isOperator(node, "Expand") && holdsBatch && target.length === dims.length) {
    setInput(opening, node, 1, "target", int64Tensor([1, ...target.slice(1)]));
  } else if (isOperator(node, "Resize") && entriesOf(graph, node.input[3]) && !attributeOf(node, "axes")) {
    setInput(opening, node, 2, "scales", floatTensor(resizeScales(shapes.shapeOf(node.input[0]!, batch), dims)));
    node.input = node.input.slice(0, 3);
  }
}

/** Nodes that repeat a Concat's constants, such as the class token of a vision transformer, for each sample of a varying input. */
function repeatConstants(opening: Opening, node: NodeProto): NodeProto[] {
  const { graph, batch, varying, takenNames } = opening;
  if (batch !== 1 || intAttribute(node, "axis", 0) === 0) return [];
  const sample = node.input.find((value) => varying.has(value))!;
  const output = node.output[0]!;
  const nodes: NodeProto[] = [];
  const emit = (opType: string, input: string[], suffix: string, attributes: Readonly<Record<string, AttributeValue>> = {}) => {
    const name = takeName(takenNames, `${output}.${suffix}`);
    nodes.push(create(NodeProtoSchema, { opType, name, input, output: [name], attribute: makeAttributes(attributes) }));
    return name;
  };
  node.input.forEach((value, position) => {
    const dims = graph.initializers.get(value)?.dims.map(Number);
    if (dims?.[0] !== 1 || dims.length < 2) return;
    const rest = addConstant(opening, `${output}.rest`, int64Tensor(dims.slice(1)));
    const target = emit("Concat", [emit("Shape", [sample], "batch", { start: 0, end: 1 }), rest], "target", { axis: 0 });
    node.input[position] = emit("Expand", [value, target], "repeated");
  });
  return nodes;
}

function entriesOf(graph: Graph, value: string | undefined): number[] | undefined {
  const tensor = graph.constant(value ?? "");
  return tensor && toNumbers(tensor);
}

function setInput(opening: Opening, node: NodeProto, position: number, suffix: string, tensor: Tensor): void {
  node.input[position] = addConstant(opening, `${node.output[0]}.${suffix}`, tensor);
}

function addConstant({ graph, takenNames }: Opening, base: string, tensor: Tensor): string {
  const name = takeName(takenNames, base);
  graph.setConstant(name, tensor);
  return name;
}
