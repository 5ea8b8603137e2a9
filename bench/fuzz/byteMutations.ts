/** @file Damage to a file's bytes, as a broken download, a bad disk or a hostile hand makes it. */
import type { TestRandom } from "../../test/support/random.ts";

/** Numbers that sizes, counts and lengths are set to: the ends of their ranges and beyond. */
const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff];

/**
 * A damaged copy. `places` are where the structure lies, such as the beginnings of tensors: two thirds of the damage is done there
 * and at the file's start.
 */
export function mutateBytes(bytes: Uint8Array, places: readonly number[], random: TestRandom): Uint8Array {
  const place = () => {
    const near = random.pick([
      random.integer(0, bytes.length - 1),
      random.integer(0, 2000),
      (places[random.integer(0, places.length - 1)] ?? 0) + random.integer(-6, 18),
    ]);
    return Math.min(Math.max(near, 0), bytes.length - 1);
  };
  const copy = Uint8Array.from(bytes);
  switch (random.integer(0, 6)) {
    case 0:
      return copy.subarray(0, place());
    case 1:
      for (let n = random.integer(1, 8); n > 0; n--) copy[place()]! ^= 1 << random.integer(0, 7);
      return copy;
    case 2:
      for (let n = random.integer(1, 8); n > 0; n--) copy[place()] = random.integer(0, 255);
      return copy;
    case 3: {
      const from = place();
      return join(copy.subarray(0, from), copy.subarray(from + random.integer(1, 50)));
    }
    case 4: {
      const [to, from] = [place(), place()];
      return join(copy.subarray(0, to), copy.subarray(from, from + random.integer(1, 500)), copy.subarray(to));
    }
    case 5: {
      const at = Math.min(place(), Math.max(0, bytes.length - 4));
      if (copy.length >= 4) new DataView(copy.buffer).setUint32(at, random.pick(extremes), random.uniform() < 0.5);
      return copy;
    }
    default: {
      // A long varint: the largest lengths that protobuf can announce.
      const at = place();
      copy.fill(0xff, at, Math.min(at + random.integer(1, 9), bytes.length));
      return copy;
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
