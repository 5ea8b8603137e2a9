/** @file Models that are well-formed files and wrong or hostile inside. */
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
} from "../../src/engine/onnx/onnx_pb.ts";
import type { TestRandom } from "../../test/support/random.ts";

type Mutation = (model: ModelProto, random: TestRandom) => void;

const strangeNames = [
  "",
  "../../etc/passwd",
  "a\0b",
  "<img src=x onerror=alert(1)>",
  "x".repeat(100_000),
  "__proto__",
  "constructor",
  "\ud800",
  "brecq.shape.0",
];
const hugeInts = [0n, -1n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 40n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];
/** Operators that a few bytes make produce any amount of data, or that fold to constants. */
const bombs = ["ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "OneHot", "RandomNormal", "Upsample", "EyeLike"];
const operators = [
  "Shape",
  "Pad",
  "BatchNormalization",
  "Dropout",
  "Slice",
  "Split",
  "Constant",
  "Transpose",
  "Loop",
  "If",
  "Scan",
  "Conv",
  "Gemm",
  "Reshape",
  "Concat",
  "Nonsense",
];

/** Every kind of structural damage, by name. */
export const modelMutations: Readonly<Record<string, Mutation>> = {
  "no inputs": onNode((node) => {
    node.input = [];
  }),
  "no outputs": onNode((node) => {
    node.output = [];
  }),
  "an input less": onNode((node) => {
    node.input = node.input.slice(1);
  }),
  "an input more": onNode((node, random, model) => {
    node.input.push(anyValue(model, random));
  }),
  "inputs reversed": onNode((node) => {
    node.input = [...node.input].reverse();
  }),
  "another input": onNode((node, random, model) => {
    node.input[random.integer(0, Math.max(0, node.input.length - 1))] = anyValue(model, random);
  }),
  "an output of another node": onNode((node, random, model) => {
    node.output[0] = random.pick(model.graph!.node).output[0] ?? "";
  }),
  "a cycle": onNode((node) => {
    node.input[0] = node.output[0] ?? "";
  }),
  "a long cycle": (model) => {
    const { node } = model.graph!;
    node[0]!.input[0] = node.at(-1)!.output[0] ?? "";
  },
  "another operator": onNode((node, random) => {
    node.opType = random.pick(operators);
  }),
  "another domain": onNode((node, random) => {
    node.domain = random.pick(["nowhere", "com.microsoft", "ai.onnx.ml", "../.."]);
  }),
  "attributes of another node": onNode((node, random, model) => {
    node.attribute = random.pick(model.graph!.node).attribute;
  }),
  "no attributes": onNode((node) => {
    node.attribute = [];
  }),
  "huge attributes": onNode((node, random) => {
    for (const attribute of node.attribute) {
      attribute.ints = attribute.ints.map(() => random.pick(hugeInts));
      attribute.i = random.pick(hugeInts);
    }
  }),
  "attributes of another type": onNode((node, random) => {
    for (const attribute of node.attribute) attribute.type = random.integer(0, 14) as AttributeProto_AttributeType;
  }),
  "nodes reversed": ({ graph }) => {
    graph!.node.reverse();
  },
  "a node less": ({ graph }, random) => {
    graph!.node.splice(random.integer(0, graph!.node.length - 1), 1);
  },
  "a node twice": ({ graph }, random) => {
    graph!.node.push(random.pick(graph!.node));
  },
  "duplicate names": ({ graph }, random) => {
    const name = random.pick(strangeNames);
    for (const node of graph!.node) node.name = name;
  },
  "strange names": (model, random) => renameValue(model, anyValue(model, random), random.pick(strangeNames)),
  "an initializer less": ({ graph }, random) => {
    graph!.initializer.splice(random.integer(0, Math.max(0, graph!.initializer.length - 1)), 1);
  },
  "an initializer twice": ({ graph }, random) => {
    if (graph!.initializer.length > 0) graph!.initializer.push(random.pick(graph!.initializer));
  },
  "dims reversed": ({ graph }) => {
    for (const tensor of graph!.initializer) tensor.dims = [...tensor.dims].reverse();
  },
  "huge dims": onTensor((tensor, random) => {
    tensor.dims = tensor.dims.map(() => random.pick(hugeInts));
  }),
  "many dims": onTensor((tensor, random) => {
    tensor.dims = Array.from({ length: random.integer(9, 5000) }, () => 1n);
  }),
  "negative dims": onTensor((tensor) => {
    tensor.dims = tensor.dims.map((dim) => -dim);
  }),
  "no data": onTensor((tensor) => {
    tensor.rawData = new Uint8Array(0);
  }),
  "another data type": onTensor((tensor, random) => {
    tensor.dataType = random.integer(-1, 30);
  }),
  "numbers that are none": onTensor((tensor, random) => {
    tensor.rawData = Uint8Array.from(tensor.rawData).fill(random.pick([0xff, 0x7f, 0]));
  }),
  "external data": onTensor((tensor, random) => {
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    const location = random.pick([
      "/etc/passwd",
      "../secret.bin",
      "..\\secret.bin",
      "link",
      "linkdir/secret.bin",
      "C:\\x",
      "a\0b",
      "",
      ".",
      "/dev/zero",
      "fuzz.onnx",
      "con",
      "data.bin",
    ]);
    const number = () => random.pick(["0", "-1", "1e9", "99999999999999999999", "0x10", "4611686018427387904", "", "NaN"]);
    const entries = { location, ...(random.uniform() < 0.5 ? { offset: number() } : {}), ...(random.uniform() < 0.3 ? { length: number() } : {}) };
    tensor.externalData = Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  }),
  "input shape": ({ graph }, random) =>
    onShape(random.pick(graph!.input), (dims) => {
      dims[random.integer(0, Math.max(0, dims.length - 1))] = random.pick(hugeInts);
    }),
  "input without shape": ({ graph }, random) => {
    random.pick(graph!.input).type = undefined;
  },
  "no graph outputs": ({ graph }) => {
    graph!.output = [];
  },
  "no graph inputs": ({ graph }) => {
    graph!.input = [];
  },
  "an output of nowhere": (model, random) => {
    model.graph!.output[0]!.name = random.pick([...strangeNames, anyValue(model, random)]);
  },
  "operator set": (model, random) => {
    model.opsetImport = [create(OperatorSetIdProtoSchema, { domain: "", version: random.pick([...hugeInts, 6n, 7n, 13n, 26n]) })];
  },
  "no operator set": (model) => {
    model.opsetImport = [];
  },
  "IR version": (model, random) => {
    model.irVersion = random.pick([...hugeInts, 3n, 14n]);
  },
  "a bomb": (model, random) => addBomb(model, random),
  "a big constant shape": (model, random) => {
    const { graph } = model;
    const shape = int64Tensor(
      "bomb.shape",
      Array.from({ length: random.integer(1, 4) }, () => random.pick([2n ** 10n, 2n ** 16n, 2n ** 31n, 2n ** 40n, -1n])),
    );
    graph!.initializer.push(shape);
    insertBefore(model, random, "ConstantOfShape", ["bomb.shape"]);
  },
  "deep nesting": (model, random) => {
    let inner = create(GraphProtoSchema, { name: "deepest" });
    for (let depth = random.pick([10, 90, 120, 1000, 5000]); depth > 0; depth--) {
      const attribute = create(AttributeProtoSchema, { name: "then_branch", type: AttributeProto_AttributeType.GRAPH, g: inner });
      inner = create(GraphProtoSchema, {
        name: "level",
        node: [create(NodeProtoSchema, { opType: "If", input: ["c"], output: ["o"], attribute: [attribute] })],
      });
    }
    model.graph!.node.push(...inner.node);
  },
  "functions that grow": (model, random) => {
    const depth = random.pick([3, 20, 40]);
    const call = (name: string) => create(NodeProtoSchema, { opType: name, domain: "f", input: ["x"], output: ["y"] });
    for (let i = 0; i < depth; i++) {
      const node = [call(`f${i + 1}`), create(NodeProtoSchema, { opType: `f${i + 1}`, domain: "f", input: ["y"], output: ["z"] })];
      model.functions.push(
        create(FunctionProtoSchema, { name: `f${i}`, domain: "f", input: ["x"], output: ["z"], node, opsetImport: model.opsetImport }),
      );
    }
    model.functions.push(
      create(FunctionProtoSchema, {
        name: `f${depth}`,
        domain: "f",
        input: ["x"],
        output: ["y"],
        node: [create(NodeProtoSchema, { opType: random.pick(["Relu", "f0"]), domain: random.pick(["", "f"]), input: ["x"], output: ["y"] })],
        opsetImport: model.opsetImport,
      }),
    );
    model.graph!.node.push(create(NodeProtoSchema, { opType: "f0", domain: "f", input: [anyValue(model, random)], output: ["grown"] }));
  },
  "a sparse weight": (model, random) => {
    const { graph } = model;
    const [tensor] = graph!.initializer.splice(0, 1);
    if (!tensor) return;
    const values = create(TensorProtoSchema, { name: tensor.name, dims: [2n], dataType: TensorProto_DataType.FLOAT, rawData: new Uint8Array(8) });
    const indices = int64Tensor("indices", [random.pick(hugeInts), random.pick(hugeInts)]);
    graph!.sparseInitializer.push(create(SparseTensorProtoSchema, { values, indices, dims: [random.pick(hugeInts), 4n] }));
  },
  "many nodes": ({ graph }, random) => {
    const last = graph!.node.at(-1)!;
    for (let i = random.integer(100, 3000); i > 0; i--) {
      graph!.node.push(create(NodeProtoSchema, { opType: "Relu", input: [i % 2 ? (last.output[0] ?? "") : "chain"], output: ["chain"] }));
    }
  },
};

export const modelMutationNames: readonly string[] = Object.keys(modelMutations);

function onNode(change: (node: NodeProto, random: TestRandom, model: ModelProto) => void): Mutation {
  return (model, random) => change(random.pick(model.graph!.node), random, model);
}

function onTensor(change: (tensor: ReturnType<typeof int64Tensor>, random: TestRandom) => void): Mutation {
  return ({ graph }, random) => {
    if (graph!.initializer.length > 0) change(random.pick(graph!.initializer), random);
  };
}

function onShape({ type }: ValueInfoProto, change: (dims: bigint[]) => void): void {
  const dim = type?.value.case === "tensorType" ? type.value.value.shape?.dim : undefined;
  if (!dim) return;
  const dims = dim.map(({ value }) => (value.case === "dimValue" ? value.value : 1n));
  change(dims);
  dim.forEach((entry, i) => {
    entry.value = { case: "dimValue", value: dims[i]! };
  });
}

function anyValue({ graph }: ModelProto, random: TestRandom): string {
  const node = random.pick(graph!.node);
  return random.pick([...node.input, ...node.output, graph!.input[0]?.name ?? ""]) ?? "";
}

function renameValue({ graph }: ModelProto, from: string, to: string): void {
  const rename = (names: string[]) => names.map((name) => (name === from ? to : name));
  for (const node of graph!.node) {
    node.input = rename(node.input);
    node.output = rename(node.output);
  }
  for (const named of [...graph!.initializer, ...graph!.input, ...graph!.output]) if (named.name === from) named.name = to;
}

/** Puts a node whose output grows beyond all bounds between two nodes. */
function addBomb(model: ModelProto, random: TestRandom): void {
  const big = () => random.pick([1000n, 2n ** 20n, 2n ** 31n, 2n ** 45n]);
  model.graph!.initializer.push(
    int64Tensor("bomb.a", [big(), big()]),
    int64Tensor("bomb.b", [big(), 1n, big(), big()]),
    int64Tensor("bomb.zero", []),
  );
  insertBefore(
    model,
    random,
    random.pick(bombs),
    random.pick([
      ["bomb.a"],
      ["bomb.a", "bomb.b"],
      ["bomb.zero", "bomb.a"],
      [anyValue(model, random), "bomb.b"],
      ["bomb.zero", "bomb.a", "bomb.zero"],
    ]),
  );
}

function insertBefore(model: ModelProto, random: TestRandom, opType: string, input: string[]): void {
  const { node } = model.graph!;
  const at = random.integer(0, node.length - 1);
  if (node[at]!.input.length > 0) node[at]!.input[random.integer(0, node[at]!.input.length - 1)] = "bomb.output";
  node.unshift(create(NodeProtoSchema, { opType, name: "bomb", input, output: ["bomb.output"] }));
}

function int64Tensor(name: string, values: readonly bigint[]) {
  const data = new BigInt64Array(values);
  const dims = values.length === 0 ? [] : [BigInt(values.length)];
  return create(TensorProtoSchema, {
    name,
    dims,
    dataType: TensorProto_DataType.INT64,
    rawData: values.length === 0 ? new Uint8Array(8) : new Uint8Array(data.buffer),
  });
}
