/** @file Shapes and types of every value of a network, found by running it, so that no operator needs a rule. */
import { create } from "@bufbuild/protobuf";
import { UserError } from "../errors.ts";
import { shallowCopy } from "../onnx/messages.ts";
import { GraphProtoSchema, type ModelProto, ModelProtoSchema, type NodeProto, NodeProtoSchema, ValueInfoProtoSchema } from "../onnx/onnx_pb.ts";
import { type DataType, toNumbers } from "../onnx/tensor.ts";
import { dataTypeOfCode, tensorProtoDims } from "../onnx/tensorCodec.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import { intAttribute } from "./attributes.ts";
import { valueInfo } from "./builder.ts";
import type { Graph } from "./graph.ts";
import { type GraphInput, graphInputs, imageInputIndex, madeUpFeeds } from "./graphInputs.ts";
import { shapedValues } from "./shapedValues.ts";

/** A dimension as a function of the batch: `base + perBatch * batch`. */
interface BatchDim {
  readonly base: number;
  readonly perBatch: number;
}

/** Shapes and types of a network's values, constants included. */
export class Shapes {
  /** The only batch size that the network can run, where it cannot vary. */
  readonly fixedBatch: number | undefined;
  readonly #graph: Graph;
  readonly #dims: ReadonlyMap<string, readonly BatchDim[]>;
  readonly #types: ReadonlyMap<string, DataType>;

  constructor(graph: Graph, dims: ReadonlyMap<string, readonly BatchDim[]>, types: ReadonlyMap<string, DataType>, fixedBatch?: number) {
    this.#graph = graph;
    this.#dims = dims;
    this.#types = types;
    this.fixedBatch = fixedBatch;
  }

  /** Whether shape and type are known: not for values that are no tensors, or whose shape depends on data. */
  has(value: string): boolean {
    return this.#graph.initializers.has(value) || (this.#dims.has(value) && this.#types.has(value));
  }

  /** Complete dims where the network runs on `batch` samples; with a fixed batch, always those of that batch. */
  shapeOf(value: string, batch: number): number[] {
    return this.#dimsOf(value).map(({ base, perBatch }) => base + perBatch * batch);
  }

  /** The dims, with "batch" in place of what varies. */
  displayDims(value: string): (number | string)[] {
    return this.#dimsOf(value).map(({ base, perBatch }) => {
      if (perBatch === 0) return base;
      const product = perBatch === 1 ? "batch" : `${perBatch}*batch`;
      return base === 0 ? product : `${product}${base < 0 ? "" : "+"}${base}`;
    });
  }

  typeOf(value: string): DataType {
    const proto = this.#graph.initializers.get(value);
    const type = proto ? dataTypeOfCode(proto.dataType) : this.#types.get(value);
    if (type === undefined) throw new Error(`internal: the type of "${value}" is not known`);
    return type;
  }

  #dimsOf(value: string): readonly BatchDim[] {
    const proto = this.#graph.initializers.get(value);
    if (proto) return tensorProtoDims(proto).map((base) => ({ base, perBatch: 0 }));
    const dims = this.#dims.get(value);
    if (!dims) throw new Error(`internal: the shape of "${value}" is not known`);
    return dims;
  }
}

/**
 * Runs the network on made-up inputs of 1, 2 and 3 samples and notes the shape of every value. Where the inputs' first axis is
 * fixed, or the network runs on a single sample only, the result has a `fixedBatch`.
 * @throws UserError where the inputs are unfit or ONNX Runtime cannot run the network
 */
export async function observeShapes(graph: Graph, runtime: Runtime): Promise<Shapes> {
  const inputs = graphInputs(graph);
  const values = shapedValues(graph);
  const types = await observeTypes(graph, values, runtime);
  const session = await runtime.createSession(shapeProbe(graph, values), { optimization: "disabled" });
  try {
    const one = await runShapes(session, values, inputs, 1);
    if (!inputs.some(({ batched }) => batched)) return fixedShapes(graph, one, types, inputs[imageInputIndex(inputs)]?.dims[0] ?? 1);
    const more = await runBatches(session, values, inputs);
    return more ? new Shapes(graph, fitDims([one, ...more]), types) : fixedShapes(graph, one, types, 1);
  } finally {
    await session.release();
  }
}

type ObservedDims = ReadonlyMap<string, readonly number[]>;

/** Shapes at 2 and 3 samples; undefined where the network cannot run on them. */
async function runBatches(session: Session, values: readonly string[], inputs: readonly GraphInput[]): Promise<ObservedDims[] | undefined> {
  try {
    return [await runShapes(session, values, inputs, 2), await runShapes(session, values, inputs, 3)];
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function runShapes(session: Session, values: readonly string[], inputs: readonly GraphInput[], batch: number): Promise<ObservedDims> {
  const results = await session.run(madeUpFeeds(inputs, batch, batch));
  return new Map(values.map((value, i) => [value, toNumbers(results[shapeOutput(i)]!)]));
}

function fixedShapes(graph: Graph, observed: ObservedDims, types: ReadonlyMap<string, DataType>, batch: number): Shapes {
  const dims = new Map([...observed].map(([value, list]) => [value, list.map((base) => ({ base, perBatch: 0 }))]));
  return new Shapes(graph, dims, types, batch);
}

/** Dims as linear functions of the batch; a value with a dim that is none is left out. */
function fitDims([one, two, three]: readonly ObservedDims[]): Map<string, BatchDim[]> {
  const fitted = new Map<string, BatchDim[]>();
  for (const [value, first] of one!) {
    const second = two!.get(value)!;
    const third = three!.get(value)!;
    const dims = first.map((dim, axis) => ({ base: 2 * dim - second[axis]!, perBatch: second[axis]! - dim }));
    const linear = second.length === first.length && third.length === first.length;
    if (linear && dims.every(({ base, perBatch }, axis) => base + 3 * perBatch === third[axis])) fitted.set(value, dims);
  }
  return fitted;
}

/**
 * The network with the shapes of its values as outputs, in place of its own. The probes of late values come first: in that order ONNX Runtime
 * runs each as soon as its value is there, and frees the value; in the other it holds all values until the end (onnxruntime 1.30).
 */
function shapeProbe(graph: Graph, values: readonly string[]): ModelProto {
  const probes = values.map((value, i) =>
    create(NodeProtoSchema, { opType: "Shape", name: shapeOutput(i), input: [value], output: [shapeOutput(i)] }),
  );
  const model = graph.toModel();
  const output = values.map((_, i) => valueInfo(shapeOutput(i), "int64"));
  return shallowCopy(ModelProtoSchema, model, {
    graph: shallowCopy(GraphProtoSchema, model.graph!, { node: [...graph.nodes, ...probes.toReversed()], output }),
  });
}

function shapeOutput(index: number): string {
  return `brecq.shape.${index}`;
}

/** Element types: those that ONNX Runtime's own type inference gives. The session is only loaded, not run. */
async function observeTypes(graph: Graph, values: readonly string[], runtime: Runtime): Promise<Map<string, DataType>> {
  const types = knownTypes(graph);
  const asked = values.filter((value) => !types.has(value));
  const model = graph.toModel();
  const output = asked.map((name) => create(ValueInfoProtoSchema, { name }));
  const probe = shallowCopy(ModelProtoSchema, model, { graph: shallowCopy(GraphProtoSchema, model.graph!, { output }) });
  const session = await runtime.createSession(probe, { optimization: "disabled" });
  session.outputNames.forEach((name, i) => {
    types.set(name, session.outputTypes[i]!);
  });
  await session.release();
  return types;
}

/** Operators that hand on the type of their first input. */
const layoutOperators = new Set(["Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice", "Gather", "Concat"]);

/**
 * Types that are told by the inputs, Cast and QuantizeLinear. They include all that cannot be asked for, because such
 * values (bfloat16, INT4, …) cannot be outputs in ONNX Runtime's JavaScript API.
 */
function knownTypes(graph: Graph): Map<string, DataType> {
  const types = new Map<string, DataType>();
  for (const { name, type } of graphInputs(graph)) types.set(name, type);
  const typeOf = (value: string | undefined) => {
    const proto = value ? graph.initializers.get(value) : undefined;
    return proto ? dataTypeOfCode(proto.dataType) : types.get(value ?? "");
  };
  for (const node of graph.nodes) {
    const type = toldType(node, typeOf);
    if (type) types.set(node.output[0]!, type);
  }
  return types;
}

function toldType(node: NodeProto, typeOf: (value: string | undefined) => DataType | undefined): DataType | undefined {
  if (node.opType === "Cast") return dataTypeOfCode(intAttribute(node, "to", 0));
  if (node.opType === "QuantizeLinear") return typeOf(node.input[2]) ?? dataTypeOfCode(intAttribute(node, "output_dtype", 0));
  return layoutOperators.has(node.opType) ? typeOf(node.input[0]) : undefined;
}
