/** @file Finding every tensor of a model, wherever the format lets one be. */
import type { AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from "./onnx_pb.ts";

/** The main graph, and the graphs inside attributes of its nodes and of functions' nodes, each before those inside it. */
export function* graphsOf(model: ModelProto): Generator<GraphProto> {
  if (model.graph) yield* withSubgraphs(model.graph);
  for (const attribute of functionAttributes(model)) yield* attributeGraphs(attribute);
}

function* withSubgraphs(graph: GraphProto): Generator<GraphProto> {
  yield graph;
  for (const attribute of attributesOf(graph.node)) yield* attributeGraphs(attribute);
}

function* attributeGraphs(attribute: AttributeProto): Generator<GraphProto> {
  if (attribute.g) yield* withSubgraphs(attribute.g);
  for (const graph of attribute.graphs) yield* withSubgraphs(graph);
}

/** Every tensor: initializers, values and indices of sparse ones, and attributes, in subgraphs and functions too. */
export function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  for (const graph of graphsOf(model)) {
    yield* graph.initializer;
    for (const sparse of graph.sparseInitializer) yield* sparseTensors(sparse);
    for (const attribute of attributesOf(graph.node)) yield* attributeTensors(attribute);
  }
  for (const attribute of functionAttributes(model)) yield* attributeTensors(attribute);
}

function* attributeTensors(attribute: AttributeProto): Generator<TensorProto> {
  if (attribute.t) yield attribute.t;
  yield* attribute.tensors;
  if (attribute.sparseTensor) yield* sparseTensors(attribute.sparseTensor);
  for (const sparse of attribute.sparseTensors) yield* sparseTensors(sparse);
}

function* sparseTensors(sparse: SparseTensorProto): Generator<TensorProto> {
  if (sparse.values) yield sparse.values;
  if (sparse.indices) yield sparse.indices;
}

function* functionAttributes(model: ModelProto): Generator<AttributeProto> {
  for (const { attributeProto, node } of model.functions) {
    yield* attributeProto;
    yield* attributesOf(node);
  }
}

function* attributesOf(nodes: readonly NodeProto[]): Generator<AttributeProto> {
  for (const node of nodes) yield* node.attribute;
}
