/** @file Which values depend on constants and shapes alone, and computing them in ONNX Runtime. */
import { create } from "@bufbuild/protobuf";
import { shallowCopy } from "../onnx/messages.ts";
import { GraphProtoSchema, type ModelProto, ModelProtoSchema, type NodeProto, ValueInfoProtoSchema } from "../onnx/onnx_pb.ts";
import { type DataType, int64Tensor, sizeOf, type Tensor } from "../onnx/tensor.ts";
import { encodeTensor } from "../onnx/tensorCodec.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { attributeOf, intAttribute } from "./attributes.ts";
import { type Graph, nodeReads } from "./graph.ts";
import type { Shapes } from "./shapes.ts";
import { isOperator } from "./subgraphs.ts";

/** Operators that give something else at every run. */
const randomOperators = ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/** Values that are larger, and larger than what they are made from, are left to be computed: 16 MiB of floats. */
const maxElements = 2 ** 22;

/** Types that ONNX Runtime's JavaScript API can return. */
const returnable: ReadonlySet<DataType> = new Set([
  "float",
  "double",
  "float16",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "bool",
]);

/** Nodes that compute the same at every run on a batch of a given size, in their order; those that make graph outputs excepted. */
export function staticNodes(graph: Graph, shapes: Shapes): NodeProto[] {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const known = new Set<string>(graph.initializers.keys());
  return graph.nodes.filter((node) => {
    const isStatic = asksKnownShape(node, shapes) || nodeReads(node).every((value) => known.has(value));
    const made = node.output.filter((output) => output !== "");
    if (!isStatic || isOperator(node, ...randomOperators) || made.some((output) => outputs.has(output))) return false;
    if (!made.every((output) => isFoldable(shapes, node, output))) return false;
    for (const output of made) known.add(output);
    return true;
  });
}

function asksKnownShape(node: NodeProto, shapes: Shapes): boolean {
  return isOperator(node, "Shape", "Size") && shapes.has(node.input[0]!);
}

function isFoldable(shapes: Shapes, node: NodeProto, output: string): boolean {
  if (!shapes.has(output) || !returnable.has(shapes.typeOf(output))) return false;
  const elements = (value: string) => (shapes.has(value) ? sizeOf(shapes.shapeOf(value, 2)) : 0);
  const size = elements(output);
  return size <= maxElements || size <= node.input.reduce((sum, input) => sum + elements(input), 0);
}

/**
 * The values of static nodes for a batch size.
 * @param nodes all that `wanted` depends on, in their order
 */
export async function evaluateStatic(
  graph: Graph,
  shapes: Shapes,
  runtime: Runtime,
  nodes: readonly NodeProto[],
  wanted: readonly string[],
  batch: number,
): Promise<ReadonlyMap<string, Tensor>> {
  const values = new Map<string, Tensor>();
  for (const node of nodes) {
    if (asksKnownShape(node, shapes)) values.set(node.output[0]!, shapeAnswer(node, shapes, batch));
  }
  const computed = wanted.filter((value) => !values.has(value));
  if (computed.length === 0) return values;
  const session = await runtime.createSession(evaluationModel(graph, nodes, values, computed), { optimization: "disabled" });
  try {
    for (const [value, tensor] of Object.entries(await session.run({}))) values.set(value, tensor);
    return values;
  } finally {
    await session.release();
  }
}

/** What a Shape or Size node gives. */
function shapeAnswer(node: NodeProto, shapes: Shapes, batch: number): Tensor {
  const dims = shapes.shapeOf(node.input[0]!, batch);
  if (isOperator(node, "Size")) return int64Tensor([sizeOf(dims)], []);
  const end = attributeOf(node, "end") ? intAttribute(node, "end", 0) : undefined;
  return int64Tensor(dims.slice(intAttribute(node, "start", 0), end));
}

/** A model without inputs that computes `wanted` from constants and the shapes already told. */
function evaluationModel(graph: Graph, nodes: readonly NodeProto[], told: ReadonlyMap<string, Tensor>, wanted: readonly string[]): ModelProto {
  const needed = new Set(wanted);
  const used: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (told.has(node.output[0]!) || !node.output.some((output) => needed.has(output))) continue;
    used.push(node);
    for (const value of nodeReads(node)) needed.add(value);
  }
  const model = graph.toModel();
  const part = shallowCopy(GraphProtoSchema, model.graph!, {
    node: used.reverse(),
    initializer: [
      ...[...graph.initializers.values()].filter(({ name }) => needed.has(name)),
      ...[...told].filter(([name]) => needed.has(name)).map(([name, tensor]) => encodeTensor(name, tensor)),
    ],
    input: [],
    output: wanted.map((name) => create(ValueInfoProtoSchema, { name })),
  });
  return shallowCopy(ModelProtoSchema, model, { graph: part });
}
