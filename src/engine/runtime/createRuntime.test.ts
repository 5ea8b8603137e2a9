import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toBinary } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { UserError } from "../errors.ts";
import { GraphBuilder, graphAttribute, microsoftDomain } from "../graph/builder.ts";
import { type ModelProto, ModelProtoSchema } from "../onnx/onnx_pb.ts";
import { type DataType, floatTensor, int64Tensor, type NumericArray, type Tensor, toNumbers } from "../onnx/tensor.ts";
import { createRuntime } from "./createRuntime.ts";
import { currentMemoryBytes, peakMemoryBytes } from "./memory.ts";
import * as nativeRuntime from "./nativeRuntime.ts";

const mnist = fileURLToPath(new URL("../../../../shared/models/mnist-8.onnx", import.meta.url));

function model(build: (builder: GraphBuilder) => void, opset = 17): ModelProto {
  const builder = new GraphBuilder();
  build(builder);
  return builder.model({ opset, irVersion: opset > 20 ? 10 : 8 });
}

function identityModel(type: DataType, dims: readonly (number | string)[]): ModelProto {
  return model((b) => b.output(b.input("x", type, dims), "y", type, dims), 21);
}

/** y = relu(x) through a 3x3 convolution of ones without padding. */
const convModel = model((b) => {
  const x = b.input("x", "float", [1, 1, 3, "w"]);
  const w = b.constant(floatTensor(new Float32Array(9).fill(1), [1, 1, 3, 3]));
  const y = b.op("Conv", [x, w, b.constant(floatTensor([-100]))], {}, { name: "conv" });
  b.output(y, "y", "float", [1, 1, 1, "v"]);
  b.output(b.op("Relu", [y]), "z", "float", [1, 1, 1, "v"]);
});

const convInput = floatTensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 100], [1, 1, 3, 5]);

/**
 * A convolution of 2-bit weights with quantized input and output. At level "all" ONNX Runtime makes a QLinearConv of
 * it, for which it has no 2-bit kernel, and refuses the model; without that fusion it loads.
 */
function int2ConvModel(): ModelProto {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [1, 1, 4, 4]);
  const scale = b.scalar(0.5);
  const zero: Tensor = { type: "uint8", dims: [], data: Uint8Array.of(128) };
  const zeroName = b.constant(zero);
  const quantize = (value: string) => b.op("DequantizeLinear", [b.op("QuantizeLinear", [value, scale, zeroName]), scale, zeroName]);
  const weights = b.constant({ type: "int2", dims: [1, 1, 2, 2], data: Int8Array.of(-2, -1, 0, 1) });
  const weightScale = b.constant(floatTensor([1]));
  const weightZero = b.constant({ type: "int2", dims: [1], data: Int8Array.of(0) });
  const w = b.op("DequantizeLinear", [weights, weightScale, weightZero], { axis: 0 });
  b.output(quantize(b.op("Conv", [quantize(x), w])), "y", "float", [1, 1, 3, 3]);
  return b.model({ opset: 25, irVersion: 13 });
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe.each(["native", "wasm"] as const)("the %s runtime", (backend) => {
  const runtime = createRuntime({ backend, threads: 2 });

  async function run(proto: ModelProto, feeds: Record<string, Tensor>, fetches?: string[]): Promise<Record<string, Tensor>> {
    const session = await (await runtime).createSession(proto);
    const results = await session.run(feeds, fetches);
    await session.release();
    return results;
  }

  it("says what it is", async () => {
    const { kind, version, provider, threads } = await runtime;
    expect({ kind, provider, threads }).toEqual({ kind: backend, provider: "cpu", threads: 2 });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("runs a convolution and gives the outputs asked for, under their own names", async () => {
    const all = await run(convModel, { x: convInput });
    expect(Object.keys(all)).toEqual(["y", "z"]);
    expect(all.y).toEqual({ type: "float", dims: [1, 1, 1, 3], data: Float32Array.of(-37, -28, 66) });
    const second = await run(convModel, { x: convInput }, ["z"]);
    expect(second).toEqual({ z: floatTensor([0, 0, 66], [1, 1, 1, 3]) });
    const swapped = await run(convModel, { x: convInput }, ["z", "y"]);
    expect(toNumbers(swapped.y!)).toEqual([-37, -28, 66]);
  });

  it("has ONNX Runtime's own operators", async () => {
    const proto = model((b) => {
      const x = b.input("x", "float", [2, 2]);
      const product = b.op("FusedMatMul", [x, x], { transA: 1, alpha: { float: 0.5 } }, { domain: microsoftDomain });
      b.output(product, "y", "float", [2, 2]);
    });
    const { y } = await run(proto, { x: floatTensor([1, 2, 3, 4], [2, 2]) });
    expect(toNumbers(y!)).toEqual([5, 7, 7, 10]);
  });

  it("runs a Loop with an outer value", async () => {
    const body = new GraphBuilder("body_");
    body.input("i", "int64", []);
    const condition = body.input("condition", "bool", []);
    const sum = body.input("sum", "float", [2]);
    body.output(condition, "condition_out", "bool", []);
    body.output(body.op("Add", [sum, "x"]), "sum_out", "float", [2]);
    const proto = model((b) => {
      const x = b.input("x", "float", [2]);
      const count = b.input("count", "int64", []);
      const loop = b.op("Loop", [count, "", x]);
      b.nodes.at(-1)!.attribute.push(graphAttribute("body", body.graph()));
      b.output(loop, "y", "float", [2]);
    });
    const { y } = await run(proto, { x: floatTensor([1, 2]), count: int64Tensor([3], []) });
    expect(toNumbers(y!)).toEqual([4, 8]);
  });

  const passed: Tensor[] = [
    { type: "float", dims: [2], data: Float32Array.of(1.5, -0) },
    { type: "double", dims: [2], data: Float64Array.of(Math.PI, -1e300) },
    { type: "float16", dims: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x7bff) },
    { type: "int8", dims: [2], data: Int8Array.of(-128, 127) },
    { type: "uint8", dims: [2], data: Uint8Array.of(0, 255) },
    { type: "int16", dims: [2], data: Int16Array.of(-32768, 32767) },
    { type: "uint16", dims: [1], data: Uint16Array.of(65535) },
    { type: "int32", dims: [1, 1], data: Int32Array.of(-(2 ** 31)) },
    { type: "uint32", dims: [1], data: Uint32Array.of(2 ** 32 - 1) },
    { type: "int64", dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
    { type: "uint64", dims: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
    { type: "bool", dims: [3], data: Uint8Array.of(1, 0, 1) },
    { type: "string", dims: [2], data: ["", "naïve"] },
    { type: "float", dims: [], data: Float32Array.of(7) },
    { type: "float", dims: [0, 2], data: new Float32Array(0) },
  ];
  it.each(passed)("passes $type $dims through unchanged", async (tensor) => {
    const { y } = await run(identityModel(tensor.type, tensor.dims), { x: tensor });
    expect(y).toEqual(tensor);
  });

  it("feeds a view into a larger buffer", async () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    const { y } = await run(identityModel("float", [2]), { x: floatTensor(data) });
    expect(toNumbers(y!)).toEqual([1, 2]);
  });

  it("adds in float16", async () => {
    const proto = model((b) => {
      const x = b.input("x", "float16", [1]);
      b.output(b.op("Add", [x, x]), "y", "float16", [1]);
    });
    const { y } = await run(proto, { x: { type: "float16", dims: [1], data: Uint16Array.of(0x3e00) } });
    expect((y!.data as Uint16Array)[0]).toBe(0x4200);
  });

  it("refuses a model whose output cannot be returned, and a feed of such a type", async () => {
    for (const [type, code] of [
      ["int4", 22],
      ["bfloat16", 16],
    ] as const) {
      const castModel = model((b) => {
        b.op("Cast", [b.input("x", "float", [2])], { to: code });
        b.nodes[0]!.output = ["y"];
        b.output("y", "y", type, [2]);
      }, 21);
      const error = await failure((await runtime).createSession(castModel));
      expect(error.toLine()).toMatch(new RegExp(`(${type}|data type: ${code}).* insert a Cast`));
    }
    const session = await (await runtime).createSession(identityModel("float", [2]));
    const feedError = await failure(session.run({ x: { type: "bfloat16", dims: [2], data: new Uint16Array(2) } }));
    expect(feedError.message).toContain('"x" has the type bfloat16');
  });

  it("gives the same bits on every run, with more than one thread", async () => {
    const data = Float32Array.from({ length: 64 * 32 * 32 }, (_, i) => Math.sin(i));
    const proto = model((b) => {
      const x = b.input("x", "float", [1, 64, 32, 32]);
      const w = b.constant(floatTensor(data.subarray(0, 64 * 64 * 9), [64, 64, 3, 3]));
      const y = b.op("Conv", [x, w], { pads: [1, 1, 1, 1] });
      b.output(b.op("ReduceSum", [y, b.ints([2, 3])], { keepdims: 0 }), "y", "float", [1, 64]);
    });
    const feeds = { x: floatTensor(data, [1, 64, 32, 32]) };
    const first = await run(proto, feeds);
    const session = await (await runtime).createSession(proto);
    for (let i = 0; i < 3; i++) expect(await session.run(feeds)).toEqual(first);
    await session.release();
  });

  it("honours optimization levels and configuration entries", async () => {
    const proto = int2ConvModel();
    const feeds = {
      x: floatTensor(
        Float32Array.from({ length: 16 }, (_, i) => i / 2),
        [1, 1, 4, 4],
      ),
    };
    const expected = await (await (await runtime).createSession(proto, { optimization: "disabled" })).run(feeds);
    const error = await failure((await runtime).createSession(proto));
    expect(error.message).toMatch(/Type Error/);
    const cured = await (await runtime).createSession(proto, { config: { "session.disable_quant_qdq": "1" } });
    expect(await cured.run(feeds)).toEqual(expected);
  });

  it("explains a bad model", async () => {
    const garbage = await failure((await runtime).createSession(new Uint8Array(50).fill(7)));
    expect(garbage.message).toBe("ONNX Runtime cannot load the model: Failed to load model because protobuf parsing failed.");
    expect(garbage.hint).toBe("Check that the file is a complete ONNX model.");
    await failure((await runtime).createSession(new Uint8Array(0)));
    const unknownOp = model((b) => b.output(b.op("NoSuchOp", [b.input("x", "float", [1])], {}, { name: "odd" }), "y"));
    expect((await failure((await runtime).createSession(unknownOp))).toLine()).toMatch(/NoSuchOp.*operator that this ONNX Runtime does not know/s);
    const wrongType = model((b) => b.output(b.op("Conv", [b.input("x", "int64", [1, 1, 3, 3]), b.ints([1])], {}, { name: "odd" }), "y"));
    expect((await failure((await runtime).createSession(wrongType))).place.node).toBe("odd");
  });

  it("explains bad feeds", async () => {
    const session = await (await runtime).createSession(convModel);
    expect((await failure(session.run({}))).message).toBe('The model needs the input "x", which was not given.');
    expect((await failure(session.run({ x: convInput, q: convInput }))).toLine()).toBe('The model has no input "q". Its inputs are: x.');
    expect((await failure(session.run({ x: convInput }, ["q"]))).toLine()).toBe('The model has no output "q". Its outputs are: y, z.');
    const shape = await failure(session.run({ x: floatTensor([1, 2], [1, 1, 1, 2]) }));
    expect(shape.toLine()).toMatch(/Got invalid dimensions for input: x .*Make the input's shape/);
    const type = await failure(session.run({ x: { ...convInput, type: "double", data: new Float64Array(15) } }));
    expect(type.toLine()).toMatch(/Make the input's type/);
    const inside = await failure(session.run({ x: floatTensor([1, 2, 3, 4, 5, 6], [1, 1, 3, 2]) }));
    expect(inside.place.node).toMatch(/conv/i);
    expect(inside.message).not.toContain("onnxruntime_src");
  });

  it.skipIf(!existsSync(mnist))("opens a model file (needs ../shared/models)", async () => {
    const session = await (await runtime).openSession(mnist);
    expect(session.inputNames).toEqual(["Input3"]);
    const results = await session.run({ Input3: floatTensor(new Float32Array(784), [1, 1, 28, 28]) });
    expect(results.Plus214_Output_0!.dims).toEqual([1, 10]);
    await session.release();
  });

  it("explains a missing file", async () => {
    const error = await failure((await runtime).openSession("/no/such/model.onnx"));
    expect(error.place.file).toBe("/no/such/model.onnx");
  });

  it("names a missing provider and what to do", async () => {
    for (const provider of ["dml", "coreml", "cuda", "webgpu"] as const) {
      if (provider !== "webgpu" && provider !== "cuda" && process.platform !== "linux") continue;
      const error = await createRuntime({ backend, provider, threads: 2 }).then(
        () => undefined,
        (reason: UserError) => reason,
      );
      if (!error) continue;
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toContain(`"${provider}" is not available`);
      expect(error.hint).toMatch(/This build offers: cpu/);
    }
  });
});

it("picks the native build where there is one", async () => {
  const { kind, threads } = await createRuntime();
  expect(kind).toBe("native");
  expect(threads).toBeGreaterThan(0);
  await failure(createRuntime({ threads: -1 }));
});

describe("where the native build is missing", () => {
  it("takes WebAssembly on a platform without a binary", async () => {
    const arch = vi.spyOn(process, "arch", "get").mockReturnValue("ia32");
    try {
      expect((await createRuntime({ threads: 2 })).kind).toBe("wasm");
      const error = await failure(createRuntime({ backend: "native", threads: 2 }));
      expect(error.toLine()).toMatch(/no native build of ONNX Runtime for \S+-ia32.*"wasm"/);
    } finally {
      arch.mockRestore();
    }
  });

  it("takes WebAssembly, with a warning, where the binary does not load", async () => {
    const load = vi.spyOn(nativeRuntime, "loadNativeOrt").mockRejectedValue(new Error("GLIBC_2.27 not found"));
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    try {
      expect((await createRuntime({ threads: 2 })).kind).toBe("wasm");
      expect(warn.mock.calls[0]![0]).toMatch(/GLIBC_2\.27 not found\); using WebAssembly, which is slower/);
      expect((await failure(createRuntime({ backend: "native", threads: 2 }))).toLine()).toMatch(/GLIBC_2\.27 not found.*"wasm"/);
    } finally {
      load.mockRestore();
      warn.mockRestore();
    }
  });
});

it("accepts a model as bytes", async () => {
  const session = await (await createRuntime({ threads: 1 })).createSession(toBinary(ModelProtoSchema, convModel));
  expect(session.inputNames).toEqual(["x"]);
  await session.release();
});

it("measures memory", () => {
  const block: NumericArray = new Float64Array(8 * 2 ** 20).fill(1);
  expect(currentMemoryBytes()).toBeGreaterThan(block.byteLength);
  expect(peakMemoryBytes()).toBeGreaterThanOrEqual(currentMemoryBytes() * 0.9);
  expect(peakMemoryBytes()).toBeLessThan(64 * 2 ** 30);
});
