/** @file A Resize to a given size as one by scales, which leaves the batch free. */

/** Float32 scales by which ONNX Runtime resizes `input` to `output`: it takes the floor of length times scale, in float32. */
export function resizeScales(input: readonly number[], output: readonly number[]): number[] {
  return output.map((length, axis) => {
    const from = input[axis]!;
    let scale = Math.fround(length / from);
    // The quotient may be rounded down so far that one row is missing.
    while (Math.floor(Math.fround(scale * from)) < length) scale = nextFloat(scale);
    return scale;
  });
}

/** The next larger float32 of a positive one. */
function nextFloat(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]!++;
  return new Float32Array(bits.buffer)[0]!;
}
