import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { CacheStore } from "./activationCache.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "brecq-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ["memory", 1e6],
  ["a file", 0],
])("a cache in %s", (_, memoryBytes) => {
  it("gives back rows, in order and picked", () => {
    const cache = new CacheStore(memoryBytes, folder).create(5, [1, 2, 2]);
    cache.write(
      0,
      Float32Array.from({ length: 12 }, (_, i) => i),
    );
    cache.write(
      3,
      Float32Array.from({ length: 8 }, (_, i) => 12 + i),
    );
    expect(cache.read(1, 2)).toEqual({ type: "float", dims: [2, 2, 2], data: Float32Array.of(4, 5, 6, 7, 8, 9, 10, 11) });
    expect([...(cache.gather([4, 0]).data as Float32Array)]).toEqual([16, 17, 18, 19, 0, 1, 2, 3]);
    expect(cache.whole() !== undefined).toBe(memoryBytes > 0);
    cache.release();
  });

  it("holds half-precision numbers in half the space, and reads floats", () => {
    const cache = new CacheStore(memoryBytes, folder, "float16").create(3, [1, 2]);
    cache.write(0, Float32Array.of(0.1, 1, 2, 3));
    cache.write(2, Float32Array.of(1e6, -4));
    expect(cache.read(0, 2)).toEqual({ type: "float", dims: [2, 2], data: Float32Array.of(0.0999755859375, 1, 2, 3) });
    expect(cache.gather([2, 1])).toEqual({ type: "float16", dims: [2, 2], data: Uint16Array.of(0x7bff, 0xc400, 0x4000, 0x4200) });
    expect(cache.whole()?.type).toBe(memoryBytes > 0 ? "float16" : undefined);
    cache.release();
  });

  it("keeps several rows of the first axis together where a sample has several", () => {
    const cache = new CacheStore(memoryBytes, folder).create(2, [3, 2]);
    cache.write(
      0,
      Float32Array.from({ length: 12 }, (_, i) => i),
    );
    expect(cache.gather([1]).dims).toEqual([3, 2]);
    expect([...(cache.gather([1]).data as Float32Array)]).toEqual([6, 7, 8, 9, 10, 11]);
    cache.release();
  });
});

describe("CacheStore", () => {
  it("goes to files past the limit and back to memory when that is freed, leaving no file behind", () => {
    const store = new CacheStore(100, folder);
    const first = store.create(2, [1, 10]);
    const second = store.create(1, [1, 10]);
    expect([first.whole() !== undefined, second.whole() !== undefined]).toEqual([true, false]);
    first.release();
    expect(store.create(1, [1, 10]).whole()).toBeDefined();
    second.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says what to do where no file can be made", () => {
    expect(() => new CacheStore(0, join(folder, "missing")).create(1, [1, 4])).toThrow(UserError);
  });
});
