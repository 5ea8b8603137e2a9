/**
 * @file The one source of random numbers: a seed and a stream give the same numbers everywhere.
 * The generator is xoshiro128** (Blackman & Vigna 2018), seeded by splitmix32.
 */

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1), with 32 random bits. */
  next(): number;
}

/** An independent stream for each pair of seed and stream number. */
export function createRandom(seed: number, stream = 0): Random {
  const mix = splitmix32((seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0);
  const state = Uint32Array.from([mix(), mix(), mix(), mix()]);
  return { next: () => xoshiro128(state) / 2 ** 32 };
}

/** The next 32 bits of xoshiro128**. */
export function xoshiro128(s: Uint32Array): number {
  const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
  const t = s[1]! << 9;
  s[2]! ^= s[0]!;
  s[3]! ^= s[1]!;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= t;
  s[3] = rotateLeft(s[3]!, 11);
  return result;
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

function splitmix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/**
 * A whole number below `n`, each equally likely (Lemire 2019, algorithm 5: products with too small a low half are drawn
 * anew). Exact for `n` up to 2^21, so that products fit a double; beyond, up to 2^32, the bias is below 2^-32.
 */
export function integerBelow(random: Random, n: number): number {
  const tooLow = 2 ** 32 % n;
  for (;;) {
    const bits = random.next() * 2 ** 32;
    if (Math.imul(bits, n) >>> 0 >= tooLow) return Math.floor((bits * n) / 2 ** 32);
  }
}

/** A standard normal number (Box & Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** `count` distinct numbers below `n`, in random order (Fisher & Yates, stopped early). */
export function sampleIndices(random: Random, n: number, count: number): number[] {
  const moved = new Map<number, number>();
  return Array.from({ length: Math.min(count, n) }, (_, i) => {
    const j = i + integerBelow(random, n - i);
    const picked = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    return picked;
  });
}

/** The numbers 0 to n-1 in random order. */
export function permutation(random: Random, n: number): number[] {
  return sampleIndices(random, n, n);
}
