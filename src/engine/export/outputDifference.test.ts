import { expect, test } from "vitest";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import { outputDifference } from "./outputDifference.ts";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

function difference(promised: readonly number[], found: readonly number[]): number {
  return outputDifference({ y: floatTensor(promised) }, { y: floatTensor(found) });
}

test("the greatest difference, relative to the largest magnitude of that output", () => {
  expect(difference([1, -4, 2], [1, -4, 3])).toBe(0.25);
  expect(difference([1, -4, 2], [1, -4, 2])).toBe(0);
  expect(difference([0, 0], [0, 0.5])).toBe(0.5);
  const promised = { small: floatTensor([0.5]), large: floatTensor([100]) };
  expect(outputDifference(promised, { small: floatTensor([0.25]), large: floatTensor([101]) })).toBe(0.5);
});

test("what is not a number must be the same", () => {
  expect(difference([nan, infinity, 2], [nan, infinity, 1])).toBe(0.5);
  expect(difference([nan, 1], [1, 1])).toBe(infinity);
  expect(difference([1, 1], [nan, 1])).toBe(infinity);
  expect(difference([infinity], [-infinity])).toBe(infinity);
});

test("missing outputs, other shapes and other types are no match", () => {
  const y = floatTensor([1, 2]);
  expect(outputDifference({ y }, {})).toBe(infinity);
  expect(outputDifference({ y }, { y: floatTensor([1, 2], [1, 2]) })).toBe(infinity);
  expect(outputDifference({ y }, { y: { ...y, type: "double", data: Float64Array.of(1, 2) } })).toBe(infinity);
});

test("integers, 16-bit floats and strings count too", () => {
  const integers = (...values: bigint[]): Tensor => ({ type: "int64", dims: [values.length], data: BigInt64Array.from(values) });
  expect(outputDifference({ y: integers(4n, 8n) }, { y: integers(4n, 6n) })).toBe(0.25);
  const halves = (bits: number): Tensor => ({ type: "float16", dims: [1], data: Uint16Array.of(bits) });
  // 2 and 1.
  expect(outputDifference({ y: halves(0x4000) }, { y: halves(0x3c00) })).toBe(0.5);
  const strings = (text: string): Tensor => ({ type: "string", dims: [1], data: [text] });
  expect(outputDifference({ y: strings("a") }, { y: strings("a") })).toBe(0);
  expect(outputDifference({ y: strings("a") }, { y: strings("b") })).toBe(infinity);
});
