import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from "./onnx_pb.ts";
import type { DataType, NumericArray, Tensor } from "./tensor.ts";
import { dataTypeCode, dataTypeOfCode, decodeTensor, encodeTensor, pack, rawByteLength, rawTensorBytes, unpack } from "./tensorCodec.ts";

const T = TensorProto_DataType;

type TensorFields = Omit<Exclude<MessageInitShape<typeof TensorProtoSchema>, { $unknown: unknown }>, "$typeName">;

/** One tensor of every type with the bytes that the ONNX specification gives it in raw_data. */
const rawCases: [DataType, NumericArray, number[]][] = [
  ["float", Float32Array.of(1, -2), [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]],
  ["double", Float64Array.of(1), [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
  ["float16", Uint16Array.of(0x3c00), [0, 0x3c]],
  ["bfloat16", Uint16Array.of(0x3f80), [0x80, 0x3f]],
  ["int8", Int8Array.of(-1, 127), [0xff, 0x7f]],
  ["uint8", Uint8Array.of(255, 1), [0xff, 1]],
  ["int16", Int16Array.of(-2), [0xfe, 0xff]],
  ["uint16", Uint16Array.of(0x1234), [0x34, 0x12]],
  ["int32", Int32Array.of(-2), [0xfe, 0xff, 0xff, 0xff]],
  ["uint32", Uint32Array.of(0xfffffffe), [0xfe, 0xff, 0xff, 0xff]],
  ["int64", BigInt64Array.of(-2n), [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ["uint64", BigUint64Array.of(1n << 63n), [0, 0, 0, 0, 0, 0, 0, 0x80]],
  ["bool", Uint8Array.of(1, 0), [1, 0]],
  ["float8e4m3fn", Uint8Array.of(0x38), [0x38]],
  ["float8e4m3fnuz", Uint8Array.of(0x40), [0x40]],
  ["float8e5m2", Uint8Array.of(0x3c), [0x3c]],
  ["float8e5m2fnuz", Uint8Array.of(0x40), [0x40]],
  ["float8e8m0", Uint8Array.of(0x7f), [0x7f]],
  ["float4e2m1", Uint8Array.of(2, 15, 1), [0xf2, 0x01]],
  ["uint4", Uint8Array.of(1, 15, 8), [0xf1, 0x08]],
  ["int4", Int8Array.of(1, -1, -8), [0xf1, 0x08]],
  ["uint2", Uint8Array.of(0, 1, 2, 3, 2), [0xe4, 0x02]],
  ["int2", Int8Array.of(0, 1, -2, -1, -2), [0xe4, 0x02]],
];

describe("raw data", () => {
  it.each(rawCases)("of %s is read and written as the specification says", (type, data, bytes) => {
    const tensor: Tensor = { type, dims: [data.length], data };
    const proto = encodeTensor("w", tensor);
    expect([...proto.rawData]).toEqual(bytes);
    expect(rawByteLength(type as "float", data.length)).toBe(bytes.length);
    expect(rawTensorBytes(proto)).toBe(bytes.length);
    const parsed = fromBinary(TensorProtoSchema, toBinary(TensorProtoSchema, proto));
    expect(decodeTensor(parsed)).toEqual(tensor);
    expect(encodeTensor("w", decodeTensor(parsed))).toEqual(proto);
  });

  it("of complex numbers has two entries an element", () => {
    for (const [type, data] of [
      ["complex64", Float32Array.of(1, 2, 3, 4)],
      ["complex128", Float64Array.of(1, 2, 3, 4)],
    ] as const) {
      expect(decodeTensor(encodeTensor("c", { type, dims: [2], data }))).toEqual({ type, dims: [2], data });
    }
  });

  it("is copied, never shared, even where it is a Buffer at an odd offset", () => {
    const buffer = Buffer.from([9, 0, 0, 0x80, 0x3f]);
    const proto = create(TensorProtoSchema, { name: "w", dims: [1n], dataType: T.FLOAT, rawData: buffer.subarray(1) });
    const { data } = decodeTensor(proto);
    expect(data).toEqual(Float32Array.of(1));
    (data as Float32Array)[0] = 5;
    expect([...buffer]).toEqual([9, 0, 0, 0x80, 0x3f]);
  });

  it("takes only its own part of a larger array", () => {
    const data = Float32Array.of(7, 1, 7).subarray(1, 2);
    expect([...encodeTensor("w", { type: "float", dims: [1], data }).rawData]).toEqual([0, 0, 0x80, 0x3f]);
  });
});

describe("typed fields", () => {
  const inlineCases: [DataType, TensorFields, NumericArray][] = [
    ["float", { floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ["double", { doubleData: [Math.PI] }, Float64Array.of(Math.PI)],
    ["int64", { int64Data: [-3n, 2n ** 62n] }, BigInt64Array.of(-3n, 2n ** 62n)],
    ["uint64", { uint64Data: [2n ** 64n - 1n] }, BigUint64Array.of(2n ** 64n - 1n)],
    ["uint32", { uint64Data: [2n ** 32n - 1n] }, Uint32Array.of(2 ** 32 - 1)],
    ["int32", { int32Data: [-5] }, Int32Array.of(-5)],
    ["int16", { int32Data: [-5] }, Int16Array.of(-5)],
    ["int8", { int32Data: [-5, 5] }, Int8Array.of(-5, 5)],
    ["uint8", { int32Data: [250] }, Uint8Array.of(250)],
    ["bool", { int32Data: [1, 0] }, Uint8Array.of(1, 0)],
    ["float16", { int32Data: [0x3c00] }, Uint16Array.of(0x3c00)],
    ["bfloat16", { int32Data: [0x3f80] }, Uint16Array.of(0x3f80)],
    ["int4", { int32Data: [0xf1, 0x08] }, Int8Array.of(1, -1, -8)],
    ["uint2", { int32Data: [0xe4, 0x02] }, Uint8Array.of(0, 1, 2, 3, 2)],
  ];
  it.each(inlineCases)("hold %s", (type, fields, data) => {
    const proto = create(TensorProtoSchema, { dims: [BigInt(data.length)], dataType: dataTypeCode(type), ...fields });
    expect(decodeTensor(proto)).toEqual({ type, dims: [data.length], data });
  });

  it("hold strings, a byte-order mark included", () => {
    const tensor: Tensor = { type: "string", dims: [3], data: ["a", "", "\ufeffü"] };
    expect(decodeTensor(encodeTensor("s", tensor))).toEqual(tensor);
  });
});

it("packs and unpacks every 2-bit and 4-bit value at every length", () => {
  for (const bits of [2, 4]) {
    const low = -(2 ** (bits - 1));
    for (let length = 0; length < 9; length++) {
      const signed = Int8Array.from({ length }, (_, i) => low + (i % 2 ** bits));
      expect(unpack(pack(signed, bits), length, bits, true)).toEqual(signed);
      const unsigned = Uint8Array.from({ length }, (_, i) => i % 2 ** bits);
      expect(unpack(pack(unsigned, bits), length, bits, false)).toEqual(unsigned);
    }
  }
});

it("knows every type code of the format but undefined", () => {
  const codes = Object.values(T).filter((code): code is TensorProto_DataType => typeof code === "number");
  for (const code of codes) {
    const type = dataTypeOfCode(code);
    expect(type === undefined).toBe(code === T.UNDEFINED);
    if (type) expect(dataTypeCode(type)).toBe(code);
  }
});

describe("a broken tensor", () => {
  const big = 2n ** 62n;
  it.each<[string, TensorFields]>([
    ["unknown element type 0", { dataType: 0 }],
    ["unknown element type 99", { dataType: 99, dims: [1n], rawData: new Uint8Array(4) }],
    ["negative dimension", { dims: [-1n], rawData: new Uint8Array(4) }],
    ["negative dimension", { dims: [-2n, -2n], rawData: new Uint8Array(16) }],
    ["impossible shape", { dims: [big] }],
    ["impossible shape", { dims: [big, big, big, big, big, big, big, big, big] }],
    ["impossible shape [4611686018427387904, 0]", { dims: [big, 0n] }],
    ["impossible shape", { dims: [2n ** 30n, 2n ** 30n] }],
    ["should hold 4294967296 bytes", { dims: [2n ** 30n], rawData: new Uint8Array(8) }],
    ["should hold 1073741824 values", { dims: [2n ** 30n] }],
    ["should hold 8 bytes by its shape [2], but holds 7", { dims: [2n], rawData: new Uint8Array(7) }],
    ["should hold 2 values by its shape [2], but holds 3", { dims: [2n], floatData: [1, 2, 3] }],
    ["should hold 0 bytes", { dims: [0n, 3n], rawData: new Uint8Array(4) }],
    ["should hold 1 values", { dims: [], floatData: [] }],
    ["in another file", { dims: [1n], dataLocation: TensorProto_DataLocation.EXTERNAL }],
    ["should hold 2 values", { dims: [2n], dataType: T.STRING, stringData: [new Uint8Array(1)] }],
    ["should hold 3 values", { dims: [3n], dataType: T.INT4, int32Data: [1] }],
    ["should hold 2 bytes", { dims: [5n], dataType: T.INT2, rawData: new Uint8Array(1) }],
  ])("is refused: %s", (message, fields) => {
    const proto = create(TensorProtoSchema, { name: "w", dataType: T.FLOAT, ...fields });
    expect(() => decodeTensor(proto)).toThrow(UserError);
    expect(() => decodeTensor(proto)).toThrow(message);
    expect(() => decodeTensor(proto)).toThrow('"w"');
  });
});
