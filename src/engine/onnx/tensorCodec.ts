/** @file Tensors to and from ONNX `TensorProto`, every element type, sub-byte packing included. */
import { create } from "@bufbuild/protobuf";
import { UserError } from "../errors.ts";
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from "./onnx_pb.ts";
import { type DataType, type NumericArray, sizeOf, type Tensor } from "./tensor.ts";

type ArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

type InlineField = "floatData" | "doubleData" | "int32Data" | "int64Data" | "uint64Data";

interface Format {
  code: TensorProto_DataType;
  array: ArrayConstructor;
  /** Bits of one element in `raw_data`. */
  bits: number;
  /** Where the elements lie if not in `raw_data`. */
  inline: InlineField;
  /** Array entries an element takes: 2 for complex numbers. */
  entries?: number;
}

const T = TensorProto_DataType;

const formats: Record<Exclude<DataType, "string">, Format> = {
  float: { code: T.FLOAT, array: Float32Array, bits: 32, inline: "floatData" },
  double: { code: T.DOUBLE, array: Float64Array, bits: 64, inline: "doubleData" },
  float16: { code: T.FLOAT16, array: Uint16Array, bits: 16, inline: "int32Data" },
  bfloat16: { code: T.BFLOAT16, array: Uint16Array, bits: 16, inline: "int32Data" },
  int8: { code: T.INT8, array: Int8Array, bits: 8, inline: "int32Data" },
  uint8: { code: T.UINT8, array: Uint8Array, bits: 8, inline: "int32Data" },
  int16: { code: T.INT16, array: Int16Array, bits: 16, inline: "int32Data" },
  uint16: { code: T.UINT16, array: Uint16Array, bits: 16, inline: "int32Data" },
  int32: { code: T.INT32, array: Int32Array, bits: 32, inline: "int32Data" },
  uint32: { code: T.UINT32, array: Uint32Array, bits: 32, inline: "uint64Data" },
  int64: { code: T.INT64, array: BigInt64Array, bits: 64, inline: "int64Data" },
  uint64: { code: T.UINT64, array: BigUint64Array, bits: 64, inline: "uint64Data" },
  bool: { code: T.BOOL, array: Uint8Array, bits: 8, inline: "int32Data" },
  complex64: { code: T.COMPLEX64, array: Float32Array, bits: 64, inline: "floatData", entries: 2 },
  complex128: { code: T.COMPLEX128, array: Float64Array, bits: 128, inline: "doubleData", entries: 2 },
  float8e4m3fn: { code: T.FLOAT8E4M3FN, array: Uint8Array, bits: 8, inline: "int32Data" },
  float8e4m3fnuz: { code: T.FLOAT8E4M3FNUZ, array: Uint8Array, bits: 8, inline: "int32Data" },
  float8e5m2: { code: T.FLOAT8E5M2, array: Uint8Array, bits: 8, inline: "int32Data" },
  float8e5m2fnuz: { code: T.FLOAT8E5M2FNUZ, array: Uint8Array, bits: 8, inline: "int32Data" },
  float8e8m0: { code: T.FLOAT8E8M0, array: Uint8Array, bits: 8, inline: "int32Data" },
  float4e2m1: { code: T.FLOAT4E2M1, array: Uint8Array, bits: 4, inline: "int32Data" },
  uint4: { code: T.UINT4, array: Uint8Array, bits: 4, inline: "int32Data" },
  int4: { code: T.INT4, array: Int8Array, bits: 4, inline: "int32Data" },
  uint2: { code: T.UINT2, array: Uint8Array, bits: 2, inline: "int32Data" },
  int2: { code: T.INT2, array: Int8Array, bits: 2, inline: "int32Data" },
};

const typeByCode = new Map<number, DataType>([
  ...Object.entries(formats).map(([type, format]): [number, DataType] => [format.code, type as DataType]),
  [T.STRING, "string"],
]);

/** The ONNX type code of a data type. */
export function dataTypeCode(type: DataType): TensorProto_DataType {
  return type === "string" ? T.STRING : formats[type].code;
}

/** The data type of an ONNX type code; undefined where the code is not known. */
export function dataTypeOfCode(code: number): DataType | undefined {
  return typeByCode.get(code);
}

/** Bytes that `elements` elements of a type take in `raw_data`. */
export function rawByteLength(type: Exclude<DataType, "string">, elements: number): number {
  return Math.ceil((elements * formats[type].bits) / 8);
}

/** The shape of a `TensorProto`. */
export function tensorProtoDims(proto: TensorProto): number[] {
  return proto.dims.map(Number);
}

/**
 * Bytes that a `TensorProto` of this type and shape takes in `raw_data`.
 * @throws UserError where the type or shape is impossible, or the elements are strings
 */
export function rawTensorBytes(proto: TensorProto): number {
  const { type, elements } = checkedShape(proto);
  if (type === "string") throw broken(proto, "holds strings, which cannot be raw data");
  return rawByteLength(type, elements);
}

/**
 * Reads a `TensorProto` whose data is in the message.
 * @throws UserError where the type is unknown, the data lies outside, or its length does not fit the shape.
 */
export function decodeTensor(proto: TensorProto): Tensor {
  const { type, dims, elements } = checkedShape(proto);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) throw broken(proto, "has its data in another file that was not loaded");
  if (type === "string") {
    if (proto.stringData.length !== elements) throw wrongLength(proto, elements, proto.stringData.length);
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return { type, dims, data: proto.stringData.map((bytes) => decoder.decode(bytes)) };
  }
  const format = formats[type];
  const data = proto.rawData.length > 0 ? fromRaw(proto, type, elements) : fromInline(proto, format, elements);
  return { type, dims, data };
}

/** Type and shape of a proto from an untrusted file. The number of elements is exact; the data is not looked at. */
function checkedShape(proto: TensorProto): { type: DataType; dims: number[]; elements: number } {
  const type = dataTypeOfCode(proto.dataType);
  if (type === undefined) throw broken(proto, `has the unknown element type ${proto.dataType}`);
  const dims = tensorProtoDims(proto);
  if (dims.some((dim) => dim < 0)) throw broken(proto, "has a negative dimension");
  const elements = dims.includes(0) ? 0 : sizeOf(dims);
  // Past 2^53 / 16 an exact number of bytes cannot be told; no memory holds so much.
  if (!dims.every(Number.isSafeInteger) || elements > Number.MAX_SAFE_INTEGER / 16)
    throw broken(proto, `has the impossible shape ${shapeText(proto)}`);
  return { type, dims, elements };
}

function fromRaw(proto: TensorProto, type: Exclude<DataType, "string">, elements: number): NumericArray {
  const { array, bits } = formats[type];
  const expected = rawByteLength(type, elements);
  if (proto.rawData.length !== expected) throw wrongLength(proto, expected, proto.rawData.length, "bytes");
  if (bits < 8) return unpack(proto.rawData, elements, bits, isSigned(array));
  // A copy: raw data in a message is rarely aligned, and nobody may write into the file's bytes. (A Buffer's slice is no copy.)
  const bytes = new Uint8Array(proto.rawData);
  return new array(bytes.buffer, bytes.byteOffset, bytes.byteLength / array.BYTES_PER_ELEMENT) as NumericArray;
}

function fromInline(proto: TensorProto, format: Format, elements: number): NumericArray {
  const values = proto[format.inline];
  if (format.bits < 8) {
    const packed = Uint8Array.from(values as number[]);
    if (packed.length !== Math.ceil((elements * format.bits) / 8)) throw wrongLength(proto, elements, packed.length);
    return unpack(packed, elements, format.bits, isSigned(format.array));
  }
  const expected = elements * (format.entries ?? 1);
  if (values.length !== expected) throw wrongLength(proto, expected, values.length);
  const convert = format.array === BigInt64Array || format.array === BigUint64Array ? BigInt : Number;
  return (format.array as Float32ArrayConstructor).from(values as number[], convert as (value: number) => number);
}

/** A `TensorProto` with its elements in `raw_data` (strings in `string_data`). */
export function encodeTensor(name: string, tensor: Tensor): TensorProto {
  const proto = create(TensorProtoSchema, { name, dims: tensor.dims.map(BigInt), dataType: dataTypeCode(tensor.type) });
  if (tensor.type === "string") {
    const encoder = new TextEncoder();
    proto.stringData = (tensor.data as readonly string[]).map((text) => encoder.encode(text));
    return proto;
  }
  const data = tensor.data as NumericArray;
  const { bits } = formats[tensor.type];
  proto.rawData =
    bits < 8 ? pack(data as Uint8Array | Int8Array, bits) : new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return proto;
}

/** Packs elements of 2 or 4 bits, first element in the lowest bits, as ONNX does. */
export function pack(values: Uint8Array | Int8Array, bits: number): Uint8Array<ArrayBuffer> {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const packed = new Uint8Array(Math.ceil(values.length / perByte));
  values.forEach((value, i) => {
    packed[Math.floor(i / perByte)]! |= (value & mask) << ((i % perByte) * bits);
  });
  return packed;
}

/** The inverse of {@link pack}. */
export function unpack(packed: Uint8Array, elements: number, bits: number, signed: boolean): Uint8Array | Int8Array {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const values = signed ? new Int8Array(elements) : new Uint8Array(elements);
  for (let i = 0; i < elements; i++) {
    const value = (packed[Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & mask;
    values[i] = signed && value >> (bits - 1) ? value - (1 << bits) : value;
  }
  return values;
}

function isSigned(array: ArrayConstructor): boolean {
  return array === Int8Array;
}

function broken(proto: TensorProto, what: string): UserError {
  return new UserError(`The tensor "${proto.name}" ${what}.`, { hint: "Export the model again.", place: { node: proto.name } });
}

function wrongLength(proto: TensorProto, expected: number, found: number, unit = "values"): UserError {
  return broken(proto, `should hold ${expected} ${unit} by its shape ${shapeText(proto)}, but holds ${found}`);
}

function shapeText({ dims }: TensorProto): string {
  return `[${dims.slice(0, 8).join(", ")}${dims.length > 8 ? ", …" : ""}]`;
}
