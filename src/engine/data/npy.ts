/** @file NumPy's array format .npy, versions 1 to 3 (numpy.lib.format). */
import { UserError } from "../errors.ts";
import { float16ToNumber } from "../onnx/float16.ts";
import { type FloatTensor, floatTensor, sizeOf } from "../onnx/tensor.ts";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy itself refuses longer headers unless told otherwise. */
const maxHeaderBytes = 10_000;

interface Header {
  /** E.g. "f4". */
  readonly type: string;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly dims: readonly number[];
  /** Where the elements begin. */
  readonly start: number;
}

type ReadElement = (view: DataView, at: number, littleEndian: boolean) => number;

const elements: Readonly<Record<string, { bytes: number; read: ReadElement }>> = {
  b1: { bytes: 1, read: (view, at) => (view.getUint8(at) ? 1 : 0) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  u8: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f2: { bytes: 2, read: (view, at, little) => float16ToNumber(view.getUint16(at, little)) },
  f4: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
};

/**
 * The array in a .npy file as floats, row-major whatever its order in the file.
 * @throws UserError where the bytes are not a complete array of real numbers
 */
export function readNpy(bytes: Uint8Array): FloatTensor {
  const header = readHeader(bytes);
  const element = elements[header.type];
  if (!element) {
    throw new UserError(`The array's elements are of the NumPy type "${header.type.slice(0, 40)}", which is not supported.`, {
      hint: "Save it as float32.",
    });
  }
  const count = sizeOf(header.dims);
  const expected = count * element.bytes;
  const actual = bytes.length - header.start;
  if (!(expected <= actual)) throw malformed(`an array of shape [${header.dims.join(", ")}] needs ${expected} bytes, and there are ${actual}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.start, expected);
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = element.read(view, i * element.bytes, header.littleEndian);
  return floatTensor(header.fortranOrder ? toRowMajor(data, header.dims) : data, header.dims);
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 12 || magic.some((byte, i) => bytes[i] !== byte)) throw malformed("it does not begin as one");
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw malformed(`version ${version} of the format is not known`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [length, textStart] = version === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  if (length > maxHeaderBytes || textStart + length > bytes.length) throw malformed("its header is cut off");
  return { ...parseHeader(Buffer.from(bytes.subarray(textStart, textStart + length)).toString("latin1")), start: textStart + length };
}

/** The header is a Python dictionary literal with three keys in any order. */
function parseHeader(text: string): Omit<Header, "start"> {
  const value = (key: string, pattern: string) => new RegExp(`['"]${key}['"]\\s*:\\s*${pattern}`).exec(text)?.[1];
  const type = value("descr", "['\"]([^'\"]*)['\"]");
  const order = value("fortran_order", "(True|False)");
  const shape = value("shape", "\\(([\\d\\s,]*)\\)");
  if (type === undefined && /['"]descr['"]\s*:\s*\[/.test(text)) {
    throw new UserError("The array's elements are records, which are not supported.", { hint: "Save one field as float32." });
  }
  if (type === undefined || order === undefined || shape === undefined) throw malformed("its header does not say type, order and shape");
  const dims = shape.split(",").flatMap((part) => (part.trim() === "" ? [] : Number(part)));
  if (!dims.every(Number.isSafeInteger) || !Number.isSafeInteger(sizeOf(dims))) throw malformed("its shape is too large");
  return { type: type.replace(/^[<>=|]/, ""), littleEndian: !type.startsWith(">"), fortranOrder: order === "True", dims };
}

function malformed(what: string): UserError {
  return new UserError(`The file is not a .npy array, or is damaged: ${what}.`, { hint: "Write it again with numpy.save." });
}

/** From column-major: there the first index runs fastest. */
function toRowMajor(data: Float32Array, dims: readonly number[]): Float32Array {
  const strides = dims.map((_, axis) => sizeOf(dims.slice(0, axis)));
  const out = new Float32Array(data.length);
  const index = new Array<number>(dims.length).fill(0);
  let source = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[source]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < dims[axis]!) break;
      source -= strides[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** A float tensor as a .npy file, version 1. */
export function writeNpy(tensor: FloatTensor): Uint8Array {
  const shape = tensor.dims.length === 1 ? `${tensor.dims[0]},` : tensor.dims.join(", ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`;
  // Elements begin at a multiple of 64 bytes; a newline ends the header.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + length + 4 * tensor.data.length);
  bytes.set([...magic, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, length, true);
  bytes.set(Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1"), 10);
  for (const [i, value] of tensor.data.entries()) view.setFloat32(10 + length + 4 * i, value, true);
  return bytes;
}
