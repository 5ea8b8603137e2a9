/** @file What a network's inputs look like, and made-up values for them. */
import { UserError } from "../errors.ts";
import type { ValueInfoProto } from "../onnx/onnx_pb.ts";
import { type DataType, type NumericArray, sizeOf, type Tensor } from "../onnx/tensor.ts";
import { dataTypeOfCode } from "../onnx/tensorCodec.ts";
import type { Graph } from "./graph.ts";

/** A graph input with complete dims for one sample; `batched` where its first axis is free. */
export interface GraphInput {
  readonly name: string;
  readonly type: DataType;
  /** All dims; the first is 1 where `batched`. */
  readonly dims: readonly number[];
  readonly batched: boolean;
}

/** More elements than a sample of any network we can work on has: 16384 x 8192 pixels. */
const maxSampleElements = 2 ** 27;

/**
 * The graph's inputs. A free first axis is the batch.
 * @throws UserError where an input is no tensor, has another free axis, or is too large
 */
export function graphInputs(graph: Graph): GraphInput[] {
  return graph.inputs.map(graphInput);
}

/**
 * Dims of a graph input for one sample: the first axis is 1 where it is free.
 * @throws UserError as {@link graphInputs}
 */
export function inputDimsOf(input: ValueInfoProto): readonly number[] {
  return graphInput(input).dims;
}

function graphInput(input: ValueInfoProto): GraphInput {
  const { type, dims } = declaredInput(input);
  const complete = dims.map((dim, axis) => {
    if (typeof dim === "number") return dim;
    if (axis === 0) return 1;
    throw new UserError(`Axis ${axis} ("${dim}") of the input "${input.name}" has no fixed length.`, {
      hint: "Export the model with a fixed input size; only the first axis, the batch, may vary.",
    });
  });
  if (sizeOf(complete) > maxSampleElements) {
    throw new UserError(`The input "${input.name}" is declared with the shape [${dims.join(", ")}], which is too large to run.`, {
      hint: "Export the model with a smaller input.",
    });
  }
  return { name: input.name, type, dims: complete, batched: typeof dims[0] === "string" };
}

/** Type and dims of a graph input as declared; a free axis by its name. */
export function declaredInput(input: ValueInfoProto): { type: DataType; dims: (number | string)[] } {
  const tensor = input.type?.value.case === "tensorType" ? input.type.value.value : undefined;
  const type = tensor && dataTypeOfCode(tensor.elemType);
  if (!tensor || !type)
    throw new UserError(`The input "${input.name}" is not a tensor.`, { hint: "Only models with tensor inputs can be quantized." });
  if (!tensor.shape) {
    throw new UserError(`The input "${input.name}" has no shape.`, { hint: "Export the model with a fixed input size." });
  }
  // Old exporters write 0 or -1 for an unknown length.
  const dims = tensor.shape.dim.map(({ value }) => {
    if (value.case === "dimValue" && value.value > 0n) return Number(value.value);
    return (value.case === "dimParam" && value.value) || "?";
  });
  return { type, dims };
}

/** The index of the input that takes images: the first float one with the highest rank; the first where none is float. */
export function imageInputIndex(inputs: readonly GraphInput[]): number {
  const rank = (input: GraphInput) => (input.type === "float" ? input.dims.length : -1);
  const highest = Math.max(...inputs.map(rank));
  return inputs.findIndex((input) => rank(input) === highest);
}

/** Feeds for `batch` samples: random numbers in 0..1 for the image input, zeros for the others. */
export function madeUpFeeds(inputs: readonly GraphInput[], batch: number, seed = 1): Record<string, Tensor> {
  const image = imageInputIndex(inputs);
  return Object.fromEntries(
    inputs.map((input, i) => {
      const dims = input.batched ? [batch, ...input.dims.slice(1)] : input.dims;
      return [input.name, i === image && input.type === "float" ? randomTensor(dims, seed) : zeros(input.type, dims)];
    }),
  );
}

/** Uniform in 0..1, by a linear congruential generator: any fixed numbers do. */
function randomTensor(dims: readonly number[], seed: number): Tensor {
  let state = seed >>> 0;
  const data = new Float32Array(sizeOf(dims));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 32;
  }
  return { type: "float", dims, data };
}

function zeros(type: DataType, dims: readonly number[]): Tensor {
  const size = sizeOf(dims);
  if (type === "string") return { type, dims, data: new Array<string>(size).fill("") };
  return { type, dims, data: zeroArray(type, size) };
}

function zeroArray(type: DataType, size: number): NumericArray {
  switch (type) {
    case "float":
      return new Float32Array(size);
    case "double":
      return new Float64Array(size);
    case "float16":
    case "uint16":
      return new Uint16Array(size);
    case "int8":
      return new Int8Array(size);
    case "int16":
      return new Int16Array(size);
    case "int32":
      return new Int32Array(size);
    case "uint32":
      return new Uint32Array(size);
    case "int64":
      return new BigInt64Array(size);
    case "uint64":
      return new BigUint64Array(size);
    default:
      return new Uint8Array(size);
  }
}
