/** @file Weights with their output channels in front, as every quantizer here wants them, and back. */

/** Copies `data` of shape `dims` so that `axis` comes first: [channels, all other axes in order]. */
export function toChannelMajor<A extends Float32Array | Uint8Array>(data: A, dims: readonly number[], axis: number): A {
  return permuted(data, dims, axis, (target, source, major, original) => {
    target[major] = source[original]!;
  });
}

/** The inverse of {@link toChannelMajor}. */
export function fromChannelMajor<A extends Float32Array | Uint8Array>(data: A, dims: readonly number[], axis: number): A {
  return permuted(data, dims, axis, (target, source, major, original) => {
    target[original] = source[major]!;
  });
}

function permuted<A extends Float32Array | Uint8Array>(
  data: A,
  dims: readonly number[],
  axis: number,
  move: (target: A, source: A, major: number, original: number) => void,
): A {
  if (axis === 0) return data.slice() as A;
  const channels = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const outer = data.length / (channels * inner);
  const result = data.slice() as A;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const major = (c * outer + o) * inner;
      const original = (o * channels + c) * inner;
      for (let i = 0; i < inner; i++) move(result, data, major + i, original + i);
    }
  }
  return result;
}
