/** @file Our tensors to and from those of ONNX Runtime's JavaScript API, without copying the elements. */
import type { Tensor as OrtTensor, TypedTensor } from "onnxruntime-node";
import { UserError } from "../errors.ts";
import type { DataType, NumericArray, Tensor } from "../onnx/tensor.ts";

/** The constructor of the build that is in use. */
export type OrtTensorConstructor = new (type: "float32", data: Float32Array, dims: readonly number[]) => TypedTensor<"float32">;

/**
 * The types that both builds can be fed and can return, by their names there. int4 and uint4 are in the
 * JavaScript API's type list, but the native build refuses them as feeds and neither build can return them;
 * bfloat16, the 8-bit floats and the 2-bit integers are not in the list. All may still occur inside a model.
 */
const ortTypes: Partial<Record<DataType, string>> = {
  float: "float32",
  double: "float64",
  float16: "float16",
  int8: "int8",
  uint8: "uint8",
  int16: "int16",
  uint16: "uint16",
  int32: "int32",
  uint32: "uint32",
  int64: "int64",
  uint64: "uint64",
  bool: "bool",
  string: "string",
};

const typesByOrtName = new Map(Object.entries(ortTypes).map(([type, name]) => [name, type as DataType]));

/** What to tell the user of a model whose inputs or outputs are of other types. */
export const passableTypesHint =
  "Inputs and outputs must be tensors of float, double, float16, integers of 8 bits or more, bool or string: insert a Cast.";

/** Whether values of this type, as ONNX Runtime names it, can be fed and returned. */
export function isPassableOrtType(ortType: string): boolean {
  return typesByOrtName.has(ortType);
}

/** The data type that ONNX Runtime names so. */
export function dataTypeOfOrt(ortType: string): DataType {
  const type = typesByOrtName.get(ortType);
  if (type === undefined) throw new Error(`internal: ONNX Runtime returned a tensor of type ${ortType}`);
  return type;
}

/**
 * Wraps a tensor for ONNX Runtime; the elements are shared, not copied.
 * @throws UserError where the type cannot be passed through the JavaScript API.
 */
export function toOrtTensor(name: string, tensor: Tensor, construct: OrtTensorConstructor): OrtTensor {
  const type = ortTypes[tensor.type];
  if (type === undefined) {
    throw new UserError(`The model input "${name}" has the type ${tensor.type}, which cannot be passed to ONNX Runtime.`, {
      hint: "Put a Cast behind a float input in the model instead.",
    });
  }
  if (type === "float16") {
    // Where JavaScript has Float16Array (Node.js 24), the constructor makes one, of which the native build 1.30 sees no
    // bytes ("not enough space: expected 6, got 0"). Both builds read no more of a tensor than these properties.
    return { type, data: tensor.data, dims: tensor.dims, location: "cpu" } as unknown as OrtTensor;
  }
  return new construct(type as "float32", tensor.data as Float32Array, tensor.dims);
}

/** Unwraps a tensor that ONNX Runtime made; the elements are shared, not copied. */
export function fromOrtTensor(tensor: OrtTensor): Tensor {
  const type = dataTypeOfOrt(tensor.type);
  const data = tensor.data as NumericArray | string[];
  if (type === "float16" && !Array.isArray(data)) {
    // Where JavaScript has Float16Array, ONNX Runtime uses it; we hold raw bits.
    return { type, dims: tensor.dims, data: new Uint16Array(data.buffer, data.byteOffset, data.length) };
  }
  return { type, dims: tensor.dims, data };
}
