/** @file A value of the network for every calibration sample: in memory, or in a file where memory is short. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { float16ToNumber, numberToFloat16 } from "../onnx/float16.ts";
import { sizeOf, type Tensor } from "../onnx/tensor.ts";

/** The type of stored numbers. */
export type CacheType = "float" | "float16";

/** Rows of floats, one a sample. */
export interface ActivationCache {
  /** What the numbers are stored as, and what `gather` and `whole` give. */
  readonly type: CacheType;
  readonly samples: number;
  /** Shape of one sample's value, as in the network at batch 1. */
  readonly dims: readonly number[];
  /** Rows `start` to `start + count` as a tensor of floats with as many samples. */
  read(start: number, count: number): Tensor;
  /** The rows of the given samples, in that order. */
  gather(samples: readonly number[]): Tensor;
  write(start: number, data: Float32Array): void;
  /** All rows as one tensor, where they are in memory. */
  whole(): Tensor | undefined;
  release(): void;
}

/** The shape of `samples` samples, each of shape `dims` with the batch in front. */
function batchDims(dims: readonly number[], samples: number): number[] {
  return [dims[0]! * samples, ...dims.slice(1)];
}

/** How numbers are stored. */
interface Storage {
  readonly type: CacheType;
  /** Bytes of a number. */
  readonly bytes: number;
  readonly make: (length: number) => Float32Array | Uint16Array;
  readonly encode: (data: Float32Array) => Float32Array | Uint16Array;
  readonly decode: (stored: Float32Array | Uint16Array) => Float32Array;
}

const single: Storage = {
  type: "float",
  bytes: 4,
  make: (length) => new Float32Array(length),
  encode: (data) => data,
  decode: (stored) => stored as Float32Array,
};

/** Every binary16 number by its bits; made when it is first needed. */
let valuesOfFloat16: Float32Array | undefined;

const half: Storage = {
  type: "float16",
  bytes: 2,
  make: (length) => new Uint16Array(length),
  encode: (data) => {
    const stored = new Uint16Array(data.length);
    for (let i = 0; i < data.length; i++) stored[i] = numberToFloat16(data[i]!);
    return stored;
  },
  decode: (stored) => {
    valuesOfFloat16 ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => float16ToNumber(bits));
    const data = new Float32Array(stored.length);
    for (let i = 0; i < data.length; i++) data[i] = valuesOfFloat16[stored[i]!]!;
    return data;
  },
};

class MemoryCache implements ActivationCache {
  readonly type: CacheType;
  readonly #data: Float32Array | Uint16Array;
  readonly #row: number;

  constructor(
    readonly samples: number,
    readonly dims: readonly number[],
    readonly storage: Storage,
  ) {
    this.type = storage.type;
    this.#row = sizeOf(dims);
    this.#data = storage.make(samples * this.#row);
  }

  read(start: number, count: number): Tensor {
    return { type: "float", dims: batchDims(this.dims, count), data: this.storage.decode(this.#rows(start, count)) };
  }

  gather(samples: readonly number[]): Tensor {
    const data = this.storage.make(samples.length * this.#row);
    samples.forEach((sample, i) => {
      data.set(this.#rows(sample, 1), i * this.#row);
    });
    return { type: this.type, dims: batchDims(this.dims, samples.length), data };
  }

  write(start: number, data: Float32Array): void {
    this.#data.set(this.storage.encode(data), start * this.#row);
  }

  whole(): Tensor {
    return { type: this.type, dims: batchDims(this.dims, this.samples), data: this.#data };
  }

  release(): void {
    // The garbage collector frees the memory.
  }

  #rows(start: number, count: number): Float32Array | Uint16Array {
    return this.#data.subarray(start * this.#row, (start + count) * this.#row);
  }
}

class FileCache implements ActivationCache {
  readonly type: CacheType;
  readonly #file: number;
  readonly #row: number;
  readonly #rowBytes: number;

  constructor(
    readonly samples: number,
    readonly dims: readonly number[],
    readonly storage: Storage,
    path: string,
  ) {
    this.type = storage.type;
    this.#row = sizeOf(dims);
    this.#rowBytes = this.#row * storage.bytes;
    this.#file = openSync(path, "wx+", 0o600);
    // Unlinked at once: the space is freed whenever the process ends, however it ends. Windows deletes on release instead.
    if (process.platform !== "win32") unlinkSync(path);
    else this.#path = path;
  }

  readonly #path: string | undefined;

  read(start: number, count: number): Tensor {
    const data = this.storage.make(count * this.#row);
    this.#readInto(new Uint8Array(data.buffer), start * this.#rowBytes);
    return { type: "float", dims: batchDims(this.dims, count), data: this.storage.decode(data) };
  }

  gather(samples: readonly number[]): Tensor {
    const data = this.storage.make(samples.length * this.#row);
    samples.forEach((sample, i) => {
      this.#readInto(new Uint8Array(data.buffer, i * this.#rowBytes, this.#rowBytes), sample * this.#rowBytes);
    });
    return { type: this.type, dims: batchDims(this.dims, samples.length), data };
  }

  #readInto(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.#file, bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
      if (read === 0) throw new Error("internal: the activation cache's file is shorter than what was written");
      done += read;
    }
  }

  write(start: number, data: Float32Array): void {
    const stored = this.storage.encode(data);
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(this.#file, bytes, done, Math.min(bytes.length - done, 2 ** 30), start * this.#rowBytes + done);
    }
  }

  whole(): undefined {
    return undefined;
  }

  release(): void {
    closeSync(this.#file);
    if (this.#path) unlinkSync(this.#path);
  }
}

/** Makes caches: in memory up to a limit, past it in files below a folder. */
export class CacheStore {
  #memory = 0;
  #files = 0;

  readonly #storage: Storage;

  /** @param memoryBytes memory that all caches together may take; @param folder where the rest lies; @param type what numbers are stored as */
  constructor(
    readonly memoryBytes: number,
    readonly folder: string,
    type: CacheType = "float",
  ) {
    this.#storage = type === "float16" ? half : single;
  }

  create(samples: number, dims: readonly number[]): ActivationCache {
    const bytes = samples * sizeOf(dims) * this.#storage.bytes;
    if (this.#memory + bytes > this.memoryBytes) return this.#inFile(samples, dims, bytes);
    this.#memory += bytes;
    const cache = new MemoryCache(samples, dims, this.#storage);
    cache.release = () => {
      this.#memory -= bytes;
    };
    return cache;
  }

  #inFile(samples: number, dims: readonly number[], bytes: number): ActivationCache {
    const path = join(this.folder, `activations-${process.pid}-${this.#files++}.tmp`);
    try {
      return new FileCache(samples, dims, this.#storage, path);
    } catch (error) {
      throw new UserError(`The activation cache of ${Math.ceil(bytes / 2 ** 20)} MiB could not be made in ${this.folder}.`, {
        hint: "Free disk space there, raise the cache's memory limit, or use fewer calibration images.",
        cause: error,
      });
    }
  }
}
