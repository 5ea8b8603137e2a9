/** @file Bringing a graph to a newer operator set. */
import { UserError } from "../errors.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { type Tensor, toNumbers } from "../onnx/tensor.ts";
import type { Graph } from "./graph.ts";
import { type Conversion, type ConversionContext, conversions } from "./opsetConversions.ts";
import type { Shapes } from "./shapes.ts";
import { isDefaultDomain, nodesWithin, subgraphsOf, takeName, usedNames } from "./subgraphs.ts";

/** Operator sets that can be read. */
export const readableOpsets = { oldest: 7, newest: 25 } as const;

/** The IR version that came with each operator set, by the versioning table of the ONNX specification. */
const irVersions: readonly [opset: number, irVersion: number][] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
  [7, 3],
];

/** @throws UserError where the graph's operator set cannot be read */
export function requireReadableOpset(graph: Graph): void {
  const { oldest, newest } = readableOpsets;
  if (graph.opset >= oldest && graph.opset <= newest) return;
  throw new UserError(`The model uses operator set ${graph.opset}; ${oldest} to ${newest} can be read.`, {
    hint: "Export the model with operator set 17.",
  });
}

/**
 * Rewrites the nodes, those of subgraphs too, for operator set `target`, and raises the IR version to one that has it.
 * A graph that is already there or beyond keeps its operator set.
 * @param target 13 to 25
 * @param shapes where given, some old forms become simpler ones
 * @throws UserError where the operator set cannot be read, or an old operator has no newer form
 */
export function normalizeOpset(graph: Graph, target: number, shapes?: Shapes): void {
  requireReadableOpset(graph);
  if (graph.opset < target) {
    const context = conversionContext(graph, shapes);
    graph.setNodes(convertNodes(graph.nodes, graph.opset, target, context));
    graph.opset = target;
  }
  const irVersion = irVersions.find(([opset]) => opset <= graph.opset)![1];
  graph.irVersion = Math.max(graph.irVersion, irVersion);
}

/** Whether {@link normalizeOpset} gives simpler nodes where it knows the shapes. */
export function opsetUsesShapes(graph: Graph, target: number): boolean {
  for (const node of nodesWithin(graph.nodes)) {
    if (pendingConversions(node, graph.opset, target).some(({ usesDims }) => usesDims)) return true;
  }
  return false;
}

const conversionsByOperator = new Map<string, Conversion[]>();
for (const conversion of conversions) {
  for (const operator of conversion.operators) {
    conversionsByOperator.set(operator, [...(conversionsByOperator.get(operator) ?? []), conversion]);
  }
}

function pendingConversions(node: NodeProto, above: number, target: number): Conversion[] {
  if (!isDefaultDomain(node.domain)) return [];
  return (conversionsByOperator.get(node.opType) ?? []).filter(({ since }) => since > above && since <= target);
}

function convertNodes(nodes: readonly NodeProto[], from: number, target: number, context: ConversionContext): NodeProto[] {
  return nodes.flatMap((node) => {
    for (const graph of subgraphsOf(node)) graph.node = convertNodes(graph.node, from, target, context);
    return convertNode(node, from, target, context);
  });
}

/** Applies one conversion after the other: a node may change its operator on the way. */
function convertNode(node: NodeProto, from: number, target: number, context: ConversionContext): NodeProto[] {
  const result = [node];
  let version = from;
  for (;;) {
    const next = pendingConversions(node, version, target)[0];
    if (!next) return result;
    const inserted = next.convert(node, context);
    result.unshift(...(inserted?.before ?? []));
    result.push(...(inserted?.after ?? []));
    version = next.since;
  }
}

function conversionContext(graph: Graph, shapes: Shapes | undefined): ConversionContext {
  const taken = usedNames(graph);
  const fresh = (base: string) => takeName(taken, base);
  return {
    fresh,
    constant(node: NodeProto, suffix: string, tensor: Tensor) {
      const name = fresh(`${node.output[0]}.${suffix}`);
      graph.setConstant(name, tensor);
      return name;
    },
    constantOf(value) {
      const tensor = graph.constant(value);
      return tensor && toNumbers(tensor);
    },
    dimsOf: (value) => (shapes?.has(value) ? shapes.shapeOf(value, 1) : graph.initializers.get(value)?.dims.map(Number)),
  };
}
