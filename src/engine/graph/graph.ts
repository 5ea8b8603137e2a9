/** @file The graph that every pass works on: ONNX messages, with the index that tells who makes and who reads a value. */
import { clone, create } from "@bufbuild/protobuf";
import { shallowCopy } from "../onnx/messages.ts";
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from "../onnx/onnx_pb.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { decodeTensor, encodeTensor } from "../onnx/tensorCodec.ts";

/**
 * A mutable view of a model's main graph. Nodes stay in topological order; initializers are constants
 * even where an old exporter also lists them as graph inputs. An empty input name means "not given".
 */
export class Graph {
  nodes: NodeProto[];
  /** Graph inputs that are fed at run time. */
  readonly inputs: ValueInfoProto[];
  readonly outputs: ValueInfoProto[];
  readonly initializers = new Map<string, TensorProto>();
  readonly #model: ModelProto;
  readonly #proto: GraphProto;
  readonly #decoded = new Map<string, Tensor>();
  #producers: Map<string, NodeProto> | undefined;
  #consumers: Map<string, NodeProto[]> | undefined;

  constructor(model: ModelProto) {
    this.#model = model;
    this.#proto = model.graph ?? create(GraphProtoSchema);
    this.nodes = [...this.#proto.node];
    for (const tensor of this.#proto.initializer) this.initializers.set(tensor.name, tensor);
    this.inputs = this.#proto.input.filter((input) => !this.initializers.has(input.name));
    this.outputs = [...this.#proto.output];
  }

  /** The version of the default operator set. */
  get opset(): number {
    return Number(this.#defaultImport()?.version ?? 1n);
  }

  set opset(version: number) {
    const entry = this.#defaultImport();
    if (entry) entry.version = BigInt(version);
    else this.#model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(version) }));
  }

  get irVersion(): number {
    return Number(this.#model.irVersion);
  }

  set irVersion(version: number) {
    this.#model.irVersion = BigInt(version);
  }

  /** The model's operator sets, functions and metadata, for building models out of parts of this one. */
  get model(): ModelProto {
    return this.#model;
  }

  #defaultImport() {
    return this.#model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  }

  /** The node that makes a value; undefined for graph inputs and initializers. */
  producer(value: string): NodeProto | undefined {
    if (!this.#producers) {
      this.#producers = new Map();
      for (const node of this.nodes) for (const output of node.output) if (output) this.#producers.set(output, node);
    }
    return this.#producers.get(value);
  }

  /** The nodes that read a value, once each, subgraphs' reads of outer values included. */
  consumers(value: string): readonly NodeProto[] {
    if (!this.#consumers) {
      this.#consumers = new Map();
      for (const node of this.nodes) {
        for (const input of new Set(nodeReads(node))) {
          const list = this.#consumers.get(input);
          if (list) list.push(node);
          else this.#consumers.set(input, [node]);
        }
      }
    }
    return this.#consumers.get(value) ?? [];
  }

  isOutput(value: string): boolean {
    return this.outputs.some((output) => output.name === value);
  }

  isInput(value: string): boolean {
    return this.inputs.some((input) => input.name === value);
  }

  /** The constant that an initializer of this name holds. */
  constant(value: string): Tensor | undefined {
    const proto = this.initializers.get(value);
    if (!proto) return undefined;
    const known = this.#decoded.get(value);
    if (known) return known;
    const tensor = decodeTensor(proto);
    this.#decoded.set(value, tensor);
    return tensor;
  }

  /** Adds or replaces an initializer. */
  setConstant(value: string, tensor: Tensor): void {
    this.initializers.set(value, encodeTensor(value, tensor));
    this.#decoded.set(value, tensor);
  }

  /** Replaces the node list: call after any change of nodes or of their inputs and outputs. */
  setNodes(nodes: NodeProto[]): void {
    this.nodes = nodes;
    this.touch();
  }

  /** Forgets the index after a change made directly on nodes. */
  touch(): void {
    this.#producers = undefined;
    this.#consumers = undefined;
  }

  /** Makes every reader of `from` read `to`. Graph outputs keep their names and are not changed. */
  replaceUses(from: string, to: string): void {
    for (const node of this.consumers(from)) node.input = node.input.map((input) => (input === from ? to : input));
    this.touch();
  }

  /** A value name that is not in use, made from `base`. */
  freshName(base: string): string {
    const taken = (name: string) =>
      this.producer(name) !== undefined || this.initializers.has(name) || this.isInput(name) || this.consumers(name).length > 0;
    if (!taken(base)) return base;
    let n = 1;
    while (taken(`${base}_${n}`)) n++;
    return `${base}_${n}`;
  }

  /** Drops nodes that no output depends on, and initializers that nobody reads. */
  removeUnused(): void {
    const needed = new Set(this.outputs.map((output) => output.name));
    const kept: NodeProto[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.output.some((output) => needed.has(output))) continue;
      kept.push(node);
      for (const input of nodeReads(node)) needed.add(input);
    }
    this.setNodes(kept.reverse());
    for (const name of this.initializers.keys()) {
      if (!needed.has(name)) {
        this.initializers.delete(name);
        this.#decoded.delete(name);
      }
    }
  }

  /** A deep copy of nodes and interface; initializer bytes are shared, for nobody writes into them. */
  clone(): Graph {
    const model = this.toModel();
    const graph = model.graph!;
    const copy = clone(ModelProtoSchema, shallowCopy(ModelProtoSchema, model, { graph: undefined }));
    copy.graph = clone(GraphProtoSchema, shallowCopy(GraphProtoSchema, graph, { initializer: [] }));
    copy.graph.initializer = [...graph.initializer];
    return new Graph(copy);
  }

  /** The model with this graph's present state. Messages are shared, not copied. */
  toModel(): ModelProto {
    const graph = shallowCopy(GraphProtoSchema, this.#proto, {
      node: this.nodes,
      initializer: [...this.initializers.values()],
      input: this.inputs,
      output: this.outputs,
    });
    return shallowCopy(ModelProtoSchema, this.#model, { graph });
  }
}

/** Every value that a node reads, outer values read by its subgraphs included. */
export function nodeReads(node: NodeProto): string[] {
  const reads = node.input.filter((input) => input !== "");
  for (const attribute of node.attribute) {
    for (const graph of attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs) reads.push(...outerReads(graph));
  }
  return reads;
}

function outerReads(graph: GraphProto): string[] {
  const inner = new Set([...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  for (const node of graph.node) for (const output of node.output) inner.add(output);
  const reads = [...graph.node.flatMap(nodeReads), ...graph.output.map(({ name }) => name)];
  return reads.filter((read) => !inner.has(read));
}

/** How a node is named to the user: its name, or what it makes. */
export function nodeLabel(node: NodeProto): string {
  return node.name || `${node.opType} → ${node.output[0] ?? ""}`;
}
