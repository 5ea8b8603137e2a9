import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../graph/builder.ts";
import { floatData, floatTensor, type Tensor } from "../onnx/tensor.ts";
import { encodeTensor } from "../onnx/tensorCodec.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type IntegerType, integerTensor, integerType, neededOpset, packedBytes, typeRequirements } from "./integerTypes.ts";

const runtime = await createRuntime({ threads: 1 });

describe("types", () => {
  test.each([
    [2, "uint2", 25],
    [3, "uint4", 21],
    [4, "uint4", 21],
    [5, "uint8", 13],
    [8, "uint8", 13],
  ] as const)("%i bits are %s in native files, from operator set %i on", (bits, type, opset) => {
    expect(integerType(bits, "native")).toBe(type);
    expect(neededOpset([bits], "native")).toBe(opset);
    expect(integerType(bits, "portable")).toBe("uint8");
    expect(neededOpset([bits], "portable")).toBe(13);
  });

  test("the smallest bits decide the operator set", () => {
    expect(neededOpset([8, 4, 8], "native")).toBe(21);
    expect(neededOpset([8, 2, 4], "native")).toBe(25);
    expect(neededOpset([], "native")).toBe(0);
  });
});

describe("packing", () => {
  // First element in the lowest bits, the last byte filled up with zeros (ONNX, TensorProto.raw_data).
  test.each([
    ["uint2", [0, 1, 2, 3, 3], [0b11_10_01_00, 0b11]],
    ["uint4", [1, 2, 3, 4, 15], [0x21, 0x43, 0x0f]],
    ["uint8", [0, 128, 255], [0, 128, 255]],
  ] as const)("%s", (type, values, bytes) => {
    expect([...encodeTensor("t", integerTensor(type, Uint8Array.from(values), [values.length])).rawData]).toEqual([...bytes]);
    expect(packedBytes(type, values.length)).toBe(bytes.length);
  });

  test.each([
    ["uint2", [0, 1, 2, 3, 3, 0]],
    ["uint4", [0, 1, 7, 8, 15, 9]],
    ["uint8", [0, 1, 127, 128, 255, 200]],
  ] as const)("ONNX Runtime reads %s with a zero point per channel", async (type, values) => {
    const zeros = { uint2: [1, 3], uint4: [15, 6], uint8: [255, 128] }[type];
    const tensor = integerTensor(type, Uint8Array.from(values), [2, 3]);
    const found = await dequantized(type, tensor, [0.5, 0.25], zeros);
    expect([...found]).toEqual(values.map((value, i) => (i < 3 ? 0.5 : 0.25) * (value - zeros[i < 3 ? 0 : 1]!)));
  });
});

/** What ONNX Runtime's DequantizeLinear makes of integers with two channels along axis 0. */
async function dequantized(type: IntegerType, values: Tensor, scale: readonly number[], zeros: readonly number[]): Promise<Float32Array> {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [2, 3]);
  const parameters = [b.constant(floatTensor(Float32Array.from(scale), [2])), b.constant(integerTensor(type, Uint8Array.from(zeros), [2]))];
  b.output(b.op("Add", [x, b.op("DequantizeLinear", [b.constant(values), ...parameters], { axis: 0 })]), "y");
  const session = await runtime.createSession(b.model(typeRequirements[type]), { optimization: "disabled" });
  try {
    const { y } = await session.run({ x: floatTensor(new Float32Array(6), [2, 3]) });
    return floatData(y!);
  } finally {
    await session.release();
  }
}
