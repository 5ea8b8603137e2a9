import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import { loadModel, parseModel, saveModel, serializeModel } from "./modelFile.ts";
import { graphsOf, tensorsOf } from "./modelTensors.ts";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
} from "./onnx_pb.ts";
import { floatTensor, int64Tensor } from "./tensor.ts";
import { decodeTensor, encodeTensor } from "./tensorCodec.ts";

const shared = fileURLToPath(new URL("../../../../shared/models/", import.meta.url));

async function userError(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** A model with a tensor in every place where the format lets one be. */
function richModel(): ModelProto {
  const tensor = (name: string) => encodeTensor(name, floatTensor([1, 2]));
  const sparse = (name: string) =>
    create(SparseTensorProtoSchema, { values: tensor(name), indices: encodeTensor(`${name}_indices`, int64Tensor([0, 3])), dims: [4n] });
  const body = new GraphBuilder("body_");
  body.constant(floatTensor([3]), "in_body");
  body.output(body.op("Identity", ["in_body"]), "body_out", "float", [1]);
  const b = new GraphBuilder();
  const x = b.input("x", "float", ["batch", 2]);
  const y = b.op("If", [b.constant({ type: "bool", dims: [], data: Uint8Array.of(1) }, "condition")], { note: "ü" });
  b.nodes[0]!.attribute.push(graphAttribute("then_branch", body.graph()), graphAttribute("else_branch", body.graph()));
  b.nodes[0]!.metadataProps.push(create(StringStringEntryProtoSchema, { key: "pkg.torch.onnx.name_scopes", value: "['', 'layer1']" }));
  b.op("Constant", [], { value: floatTensor([4]) });
  b.nodes[1]!.attribute.push(
    create(AttributeProtoSchema, { name: "ts", type: AttributeProto_AttributeType.TENSORS, tensors: [tensor("listed")] }),
    create(AttributeProtoSchema, { name: "s", type: AttributeProto_AttributeType.SPARSE_TENSOR, sparseTensor: sparse("sparse_attribute") }),
    create(AttributeProtoSchema, { name: "ss", type: AttributeProto_AttributeType.SPARSE_TENSORS, sparseTensors: [sparse("sparse_listed")] }),
    create(AttributeProtoSchema, { name: "gs", type: AttributeProto_AttributeType.GRAPHS, graphs: [body.graph("listed_graph")] }),
  );
  b.output(b.op("Add", [x, y]), "z", "float", ["batch", 2]);
  const model = b.model({ opset: 21, imports: { local: 1 } });
  model.graph!.sparseInitializer.push(sparse("sparse"));
  model.graph!.metadataProps.push(create(StringStringEntryProtoSchema, { key: "k", value: "v" }));
  model.metadataProps.push(create(StringStringEntryProtoSchema, { key: "author", value: "us" }));
  model.functions.push(
    create(FunctionProtoSchema, {
      name: "f",
      domain: "local",
      overload: "o",
      input: ["a"],
      output: ["r"],
      attributeProto: [create(AttributeProtoSchema, { name: "d", type: AttributeProto_AttributeType.TENSOR, t: tensor("default") })],
      node: [create(NodeProtoSchema, { opType: "Constant", output: ["r"], attribute: [graphAttribute("g", body.graph("in_function"))] })],
    }),
  );
  return model;
}

/** A length-delimited field that no schema here has, e.g. training_info (20 of ModelProto). */
function unknownField(number: number, text: string): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(new TextEncoder().encode(text)).finish();
}

describe("the round trip", () => {
  it("keeps everything, fields that this program does not know included", () => {
    const model = richModel();
    model.graph!.node[0]!.$unknown = [{ no: 77, wireType: WireType.LengthDelimited, data: Uint8Array.of(2, 104, 105) }];
    const bytes = Buffer.concat([toBinary(ModelProtoSchema, model), unknownField(20, "training_info"), unknownField(3000, "of the future")]);
    const parsed = parseModel(bytes);
    expect(parsed.$unknown?.map(({ no }) => no)).toEqual([20, 3000]);
    expect(new BinaryReader(parsed.$unknown![0]!.data).string()).toBe("training_info");
    expect(parsed.graph!.node[0]!.$unknown).toEqual(model.graph!.node[0]!.$unknown);
    expect({ ...parsed, $unknown: undefined }).toEqual({ ...model, $unknown: undefined });
    expect(Buffer.compare(serializeModel(parsed), bytes)).toBe(0);
  });

  it("finds every tensor and every graph", () => {
    const model = parseModel(serializeModel(richModel()));
    const sparse = ["sparse", "sparse_attribute", "sparse_listed"].flatMap((name) => [name, `${name}_indices`]);
    const names = [...tensorsOf(model)].map(({ name }) => name);
    expect(names.sort()).toEqual(["", "condition", "default", "in_body", "in_body", "in_body", "in_body", "listed", ...sparse].sort());
    expect([...graphsOf(model)].map(({ name }) => name)).toEqual(["graph", "graph", "graph", "listed_graph", "in_function"]);
  });

  const files = [
    "cifar10_resnet20",
    "cifar10_resnet20_bn",
    "cifar10_resnet20_dynamo",
    "deeplab_v3_1_default_1",
    "efficientnet_lite0",
    "mlperf_tiny_resnet8_cifar10",
    "mnist-8",
    "mobilenet_v1_025_224",
    "mobilenet_v2_100_224_dequant",
    "resnet18_random",
    "super_resolution",
    "version-RFB-320",
    "yolox_nano",
  ].map((name) => `${name}.onnx`);
  it.skipIf(!existsSync(shared)).each(files)("of %s gives the same bytes, and each of its tensors too (needs ../shared/models)", async (name) => {
    const bytes = await readFile(join(shared, name));
    const model = parseModel(bytes, name);
    expect(Buffer.compare(serializeModel(model), bytes)).toBe(0);
    for (const proto of tensorsOf(model)) {
      const tensor = decodeTensor(proto);
      const encoded = encodeTensor(proto.name, tensor);
      if (proto.rawData.length > 0) expect(Buffer.compare(encoded.rawData, proto.rawData)).toBe(0);
      else expect(decodeTensor(encoded)).toEqual(tensor);
    }
  });
});

describe("a file", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "brecq-test-"));
    path = join(folder, "m.onnx");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is saved and loaded, and nothing else is left in the folder", async () => {
    const model = richModel();
    await saveModel(model, path);
    expect(await loadModel(path)).toEqual(parseModel(serializeModel(model)));
    expect(await readdir(folder)).toEqual(["m.onnx"]);
  });

  it("is refused where it is missing, a folder, empty, truncated, or of another kind", async () => {
    expect((await userError(loadModel(path))).message).toBe("The file does not exist.");
    expect((await userError(loadModel(folder))).message).toBe("The path is a folder, not a model file.");
    const cases: [Uint8Array | string, RegExp][] = [
      ["", /^The model file is empty\.$/],
      [serializeModel(richModel()).subarray(0, 200), /^The file is not an ONNX model, or is damaged \(.+\)\.$/],
      ["<!DOCTYPE html><html><body>Not found</body></html>", /^The file is not an ONNX model/],
      [Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0), /^The file is not an ONNX model/],
      ["version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n", /^The file is a Git LFS pointer/],
      // Parses as a message with unknown fields only.
      [unknownField(99, "a message of another kind"), /has no graph with nodes\.$/],
      [toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, graph: { name: "g" } })), /has no graph with nodes\.$/],
    ];
    for (const [content, message] of cases) {
      await writeFile(path, content);
      const error = await userError(loadModel(path));
      expect(error.message).toMatch(message);
      expect(error.place.file).toBe(path);
      expect(error.hint).toBeTruthy();
    }
  });

  it("over 2 GiB is refused before it is read", async () => {
    await writeFile(path, "");
    await truncate(path, 2 ** 31 + 10);
    expect((await userError(loadModel(path))).toLine()).toMatch(/over 2 GiB.*external data/);
  });

  it("with graphs nested without end is refused", async () => {
    let bytes = new Uint8Array(0);
    const wrap = (number: number) => new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish() as Uint8Array<ArrayBuffer>;
    for (let depth = 0; depth < 5000; depth++) for (const number of [6, 5, 1]) bytes = wrap(number);
    await writeFile(path, wrap(7));
    expect((await userError(loadModel(path))).message).toMatch(/recursion depth/);
  });

  it("is not left half written where the folder is missing", async () => {
    const missing = join(folder, "no", "m.onnx");
    expect((await userError(saveModel(richModel(), missing))).message).toContain("does not exist");
    await mkdir(join(folder, "m.onnx"));
    expect(await userError(saveModel(richModel(), join(folder, "m.onnx", "x.onnx", "y.onnx")))).toBeInstanceOf(UserError);
    expect(await readdir(folder)).toEqual(["m.onnx"]);
  });
});
