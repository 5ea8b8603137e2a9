/** @file 16-bit floats, which this program holds as raw bits. */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The value of an IEEE 754 binary16 number: 1 bit sign, 5 exponent (bias 15), 10 fraction. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The greatest finite binary16 number. */
export const greatestFloat16 = 65504;

/**
 * The nearest binary16 number, halves to even. Numbers beyond {@link greatestFloat16} become that, for an activation that is too large is better cut than
 * infinite.
 */
export function numberToFloat16(value: number): number {
  float[0] = value;
  const sign = (word[0]! >>> 16) & 0x8000;
  const magnitude = word[0]! & 0x7fffffff;
  const [infinity, greatest, leastNormal] = [0x7f800000, 0x477fe000, 0x38800000];
  if (magnitude > infinity) return 0x7e00;
  if (magnitude >= greatest) return sign | 0x7bff;
  // Below 2^-14 the steps are 2^-24: adding a number whose last bit is worth that makes the sum round to them.
  if (magnitude < leastNormal) {
    float[0] = Math.abs(value) + 0.5;
    return sign | (word[0]! - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  // Exponents count from -127 there and from -15 here.
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The value of a bfloat16 number: the upper half of an IEEE 754 binary32. */
export function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}
