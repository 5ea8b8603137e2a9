/** @file 16-bit floats, which this program holds as raw bits. */

/** The value of an IEEE 754 binary16 number: 1 bit sign, 5 exponent (bias 15), 10 fraction. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of a bfloat16 number: the upper half of an IEEE 754 binary32. */
export function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
