/** @file Calls of a model's own functions are replaced by the functions' nodes. */
import { clone } from "@bufbuild/protobuf";
import { UserError } from "../errors.ts";
import { type AttributeProto, AttributeProtoSchema, type FunctionProto, type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { type Graph, nodeLabel } from "./graph.ts";
import { isDefaultDomain, renameReads, subgraphsOf, takeName, usedNames } from "./subgraphs.ts";

/** Functions may call functions; a file of a few lines can thus ask for any number of nodes. */
const maxNodes = 50_000;

interface Inlining {
  readonly functions: ReadonlyMap<string, FunctionProto>;
  /** Operator sets that the model imports, by domain. */
  readonly imports: ReadonlyMap<string, bigint>;
  readonly takenNames: Set<string>;
  nodes: number;
}

/**
 * Inlines the model's functions, such as PyTorch's first dynamo exporter made one of every operator and module.
 * @throws UserError where a function calls itself, or uses other operator sets than the model
 */
export function inlineFunctions(graph: Graph): void {
  const { model } = graph;
  if (model.functions.length === 0) return;
  const inlining: Inlining = {
    functions: new Map(model.functions.map((called) => [functionKey(called.domain, called.name, called.overload), called])),
    imports: new Map(model.opsetImport.map(({ domain, version }) => [domainKey(domain), version])),
    takenNames: usedNames(graph),
    nodes: 0,
  };
  graph.setNodes(inlineCalls(inlining, graph.nodes, new Set()));
  model.functions = [];
}

function functionKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domainKey(domain), name, overload]);
}

function domainKey(domain: string): string {
  return isDefaultDomain(domain) ? "" : domain;
}

/** @param callers the functions that these nodes are in */
function inlineCalls(inlining: Inlining, nodes: readonly NodeProto[], callers: ReadonlySet<FunctionProto>): NodeProto[] {
  return nodes.flatMap((node) => {
    for (const subgraph of subgraphsOf(node)) subgraph.node = inlineCalls(inlining, subgraph.node, callers);
    const called = inlining.functions.get(functionKey(node.domain, node.opType, node.overload));
    if (!called) return [node];
    if (callers.has(called)) {
      throw new UserError(`The model's function "${called.name}" calls itself.`, {
        hint: "Export the model again.",
        place: { node: nodeLabel(node) },
      });
    }
    requireSameOpsets(inlining, called);
    return inlineCalls(inlining, functionNodes(inlining, node, called), new Set([...callers, called]));
  });
}

function requireSameOpsets({ imports }: Inlining, called: FunctionProto): void {
  const different = called.opsetImport.find(({ domain, version }) => (imports.get(domainKey(domain)) ?? version) !== version);
  if (!different) return;
  const name = different.domain || "ai.onnx";
  throw new UserError(`The model's function "${called.name}" uses version ${different.version} of the operator set ${name}, the model another.`, {
    hint: "Export the model again with one operator set.",
  });
}

/** Copies of a function's nodes with the values and attributes of a call. */
function functionNodes(inlining: Inlining, call: NodeProto, called: FunctionProto): NodeProto[] {
  inlining.nodes += called.node.length;
  if (inlining.nodes > maxNodes) throw new UserError(`The model's functions make more than ${maxNodes} nodes.`, { hint: "Export the model again." });
  const names = new Map<string, string>();
  called.input.forEach((name, i) => {
    names.set(name, call.input[i] ?? "");
  });
  called.output.forEach((name, i) => {
    if (call.output[i]) names.set(name, call.output[i]);
  });
  const prefix = call.name || call.output.find((output) => output !== "") || called.name;
  for (const output of called.node.flatMap((node) => node.output)) {
    if (output !== "" && !names.has(output)) names.set(output, takeName(inlining.takenNames, `${prefix}/${output}`));
  }
  const attributes = new Map(called.attributeProto.map((attribute) => [attribute.name, attribute]));
  for (const attribute of call.attribute) attributes.set(attribute.name, attribute);
  return called.node.map((original) => {
    const node = clone(NodeProtoSchema, original);
    renameReads(node, names);
    node.output = node.output.map((output) => names.get(output) ?? "");
    node.name = takeName(inlining.takenNames, `${prefix}/${original.name || original.opType}`);
    if (node.metadataProps.length === 0) node.metadataProps = call.metadataProps;
    resolveAttributes(node, attributes);
    return node;
  });
}

/** Gives attributes that refer to the function's the values of the call; those that it lacks are dropped. */
function resolveAttributes(node: NodeProto, values: ReadonlyMap<string, AttributeProto>): void {
  node.attribute = node.attribute.flatMap((attribute) => {
    if (!attribute.refAttrName) return [attribute];
    const value = values.get(attribute.refAttrName);
    if (!value) return [];
    const resolved = clone(AttributeProtoSchema, value);
    resolved.name = attribute.name;
    return [resolved];
  });
  for (const subgraph of subgraphsOf(node)) for (const inner of subgraph.node) resolveAttributes(inner, values);
}
