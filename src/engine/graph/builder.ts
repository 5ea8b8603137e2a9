/** @file Building new graphs node by node: the training step, caches and evaluation graphs are all made with this. */
import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "../onnx/onnx_pb.ts";
import { type DataType, floatScalar, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import { dataTypeCode, encodeTensor } from "../onnx/tensorCodec.ts";
import { type AttributeValue, makeAttributes } from "./attributes.ts";

/** A dimension: a number, or the name of an axis whose length varies. */
export type Dim = number | string;

/** ONNX Runtime's own operators, such as FusedMatMul. */
export const microsoftDomain = "com.microsoft";

export interface OpOptions {
  domain?: string;
  name?: string;
}

/** Collects nodes, constants, inputs and outputs, and gives the model. Values are strings. */
export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #scalars = new Map<string, string>();
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #prefix: string;
  #count = 0;

  /** `prefix` keeps names apart where one graph lies inside another. */
  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  /** Adds a node with one output and gives that output. */
  op(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue | undefined>> = {},
    options: OpOptions = {},
  ): string {
    return this.ops(opType, inputs, 1, attributes, options)[0]!;
  }

  /** Adds a node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, AttributeValue | undefined>> = {},
    options: OpOptions = {},
  ): string[] {
    const base = this.fresh(opType);
    const output = Array.from({ length: outputs }, (_, i) => (outputs === 1 ? base : `${base}.${i}`));
    this.nodes.push(
      create(NodeProtoSchema, {
        opType,
        input: [...inputs],
        output,
        domain: options.domain ?? "",
        name: options.name ?? base,
        attribute: makeAttributes(attributes),
      }),
    );
    return output;
  }

  /** Adds a node as it is, e.g. one taken over from a model. */
  add(node: NodeProto): void {
    this.nodes.push(node);
  }

  /** A name that this builder has not given before. */
  fresh(base: string): string {
    return `${this.#prefix}${base}_${this.#count++}`;
  }

  /** Adds a constant. */
  constant(tensor: Tensor, name = this.fresh("const")): string {
    this.#constants.set(name, tensor);
    return name;
  }

  /** The constant of that name, if it was added here. */
  constantOf(name: string): Tensor | undefined {
    return this.#constants.get(name);
  }

  /** A float scalar; equal ones are shared. */
  scalar(value: number): string {
    return this.#shared(`f${value}`, () => floatScalar(value));
  }

  /** A one-dimensional int64 constant, for shapes and axes; equal ones are shared. */
  ints(values: readonly number[]): string {
    return this.#shared(`i${values.join()}`, () => int64Tensor(values));
  }

  #shared(key: string, make: () => Tensor): string {
    const known = this.#scalars.get(key);
    if (known) return known;
    const name = this.constant(make());
    this.#scalars.set(key, name);
    return name;
  }

  /** Declares a graph input. */
  input(name: string, type: DataType, dims: readonly Dim[]): string {
    this.#inputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** Gives a node's output another name, wherever it stands: unlike an Identity, that costs no copy. */
  rename(value: string, name: string): void {
    const renamed = (other: string) => (other === value ? name : other);
    for (const node of this.nodes) {
      node.input = node.input.map(renamed);
      node.output = node.output.map(renamed);
    }
  }

  /** Declares a graph output under a name of its own. */
  output(value: string, name: string, type: DataType = "float", dims?: readonly Dim[]): void {
    if (value !== name) this.nodes.push(create(NodeProtoSchema, { opType: "Identity", input: [value], output: [name], name: `output_${name}` }));
    this.#outputs.push(valueInfo(name, type, dims));
  }

  /** The graph, e.g. as the body of a Loop. */
  graph(name = "graph"): GraphProto {
    return create(GraphProtoSchema, {
      name,
      node: this.nodes,
      input: this.#inputs,
      output: this.#outputs,
      initializer: [...this.#constants].map(([constant, tensor]) => encodeTensor(constant, tensor)),
    });
  }

  /** The model. `imports` gives operator sets besides the default one. */
  model(options: { opset: number; irVersion?: number; imports?: Readonly<Record<string, number>> }): ModelProto {
    const imports = { "": options.opset, [microsoftDomain]: 1, ...options.imports };
    return create(ModelProtoSchema, {
      irVersion: BigInt(options.irVersion ?? 10),
      producerName: "brecq",
      graph: this.graph(),
      opsetImport: Object.entries(imports).map(([domain, version]) => create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })),
    });
  }
}

/** Describes a graph input or output. */
export function valueInfo(name: string, type: DataType, dims?: readonly Dim[]): ValueInfoProto {
  const shape =
    dims &&
    create(TensorShapeProtoSchema, {
      dim: dims.map((dim) =>
        create(TensorShapeProto_DimensionSchema, {
          value: typeof dim === "number" ? { case: "dimValue", value: BigInt(dim) } : { case: "dimParam", value: dim },
        }),
      ),
    });
  const tensorType = create(TypeProto_TensorSchema, { elemType: dataTypeCode(type), shape });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensorType } }) });
}

/** A graph-valued attribute, e.g. a Loop's body. */
export function graphAttribute(name: string, graph: GraphProto): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g: graph });
}
