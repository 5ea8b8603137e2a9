import { expect, it } from "vitest";
import { bfloat16ToNumber, float16ToNumber, greatestFloat16, numberToFloat16 } from "./float16.ts";
import { floatTensor, toNumbers } from "./tensor.ts";

it("reads half-precision floats: normal, subnormal, infinite, not a number", () => {
  const bits = [0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0400, 0x03ff, 0x8001, 0x7c00, 0xfc00];
  const values = [0, 1, -2, 0.333251953125, 65504, 2 ** -14, 1023 * 2 ** -24, -(2 ** -24), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  expect(bits.map(float16ToNumber)).toEqual(values);
  expect(float16ToNumber(0x7e00)).toBeNaN();
  expect(Object.is(float16ToNumber(0x8000), -0)).toBe(true);
});

it("writes each half-precision number as itself", () => {
  const finite = Array.from({ length: 2 ** 16 }, (_, bits) => bits).filter((bits) => Number.isFinite(float16ToNumber(bits)));
  expect(finite.filter((bits) => numberToFloat16(float16ToNumber(bits)) !== bits)).toEqual([]);
});

it("rounds to the nearest half-precision number, halves to even, and cuts what is too large", () => {
  const cases = [
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [-(1 + 2 ** -11 + 2 ** -20), -(1 + 2 ** -10)],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [65519, greatestFloat16],
    [1e30, greatestFloat16],
    [Number.NEGATIVE_INFINITY, -greatestFloat16],
  ];
  for (const [value, rounded] of cases) expect(float16ToNumber(numberToFloat16(value!))).toBe(rounded);
  expect(float16ToNumber(numberToFloat16(Number.NaN))).toBeNaN();
});

it("reads bfloat16 as the upper half of a float", () => {
  expect([0x3f80, 0xc000, 0x4049, 0xff80].map(bfloat16ToNumber)).toEqual([1, -2, 3.140625, Number.NEGATIVE_INFINITY]);
});

it("gives numbers of every real type, and refuses the others", () => {
  expect(toNumbers(floatTensor([1, 2]))).toEqual([1, 2]);
  expect(toNumbers({ type: "float16", dims: [1], data: Uint16Array.of(0x3e00) })).toEqual([1.5]);
  expect(toNumbers({ type: "bfloat16", dims: [1], data: Uint16Array.of(0x3fc0) })).toEqual([1.5]);
  expect(toNumbers({ type: "int64", dims: [1], data: BigInt64Array.of(-3n) })).toEqual([-3]);
  expect(() => toNumbers({ type: "float8e4m3fn", dims: [1], data: Uint8Array.of(1) })).toThrow("float8e4m3fn");
  expect(() => toNumbers({ type: "string", dims: [1], data: ["1"] })).toThrow("string");
});
