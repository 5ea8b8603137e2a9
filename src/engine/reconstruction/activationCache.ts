/** @file A value of the network for every calibration sample: in memory, or in a file where memory is short. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { sizeOf, type Tensor } from "../onnx/tensor.ts";

/** Rows of floats, one a sample. */
export interface ActivationCache {
  readonly samples: number;
  /** Shape of one sample's value, as in the network at batch 1. */
  readonly dims: readonly number[];
  /** Rows `start` to `start + count` as a tensor with as many samples. */
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

class MemoryCache implements ActivationCache {
  readonly #data: Float32Array;
  readonly #row: number;

  constructor(
    readonly samples: number,
    readonly dims: readonly number[],
  ) {
    this.#row = sizeOf(dims);
    this.#data = new Float32Array(samples * this.#row);
  }

  read(start: number, count: number): Tensor {
    return { type: "float", dims: batchDims(this.dims, count), data: this.#data.subarray(start * this.#row, (start + count) * this.#row) };
  }

  gather(samples: readonly number[]): Tensor {
    const data = new Float32Array(samples.length * this.#row);
    samples.forEach((sample, i) => {
      data.set(this.#data.subarray(sample * this.#row, (sample + 1) * this.#row), i * this.#row);
    });
    return { type: "float", dims: batchDims(this.dims, samples.length), data };
  }

  write(start: number, data: Float32Array): void {
    this.#data.set(data, start * this.#row);
  }

  whole(): Tensor {
    return this.read(0, this.samples);
  }

  release(): void {
    // The garbage collector frees the memory.
  }
}

class FileCache implements ActivationCache {
  readonly #file: number;
  readonly #row: number;

  constructor(
    readonly samples: number,
    readonly dims: readonly number[],
    path: string,
  ) {
    this.#row = sizeOf(dims);
    this.#file = openSync(path, "wx+", 0o600);
    // Unlinked at once: the space is freed whenever the process ends, however it ends. Windows deletes on release instead.
    if (process.platform !== "win32") unlinkSync(path);
    else this.#path = path;
  }

  readonly #path: string | undefined;

  read(start: number, count: number): Tensor {
    const data = new Float32Array(count * this.#row);
    this.#readInto(new Uint8Array(data.buffer), start * this.#row * 4);
    return { type: "float", dims: batchDims(this.dims, count), data };
  }

  gather(samples: readonly number[]): Tensor {
    const data = new Float32Array(samples.length * this.#row);
    samples.forEach((sample, i) => {
      this.#readInto(new Uint8Array(data.buffer, i * this.#row * 4, this.#row * 4), sample * this.#row * 4);
    });
    return { type: "float", dims: batchDims(this.dims, samples.length), data };
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
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(this.#file, bytes, done, Math.min(bytes.length - done, 2 ** 30), start * this.#row * 4 + done);
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

  /** @param memoryBytes memory that all caches together may take; @param folder where the rest lies. */
  constructor(
    readonly memoryBytes: number,
    readonly folder: string,
  ) {}

  create(samples: number, dims: readonly number[]): ActivationCache {
    const bytes = samples * sizeOf(dims) * 4;
    if (this.#memory + bytes > this.memoryBytes) return this.#inFile(samples, dims, bytes);
    this.#memory += bytes;
    const cache = new MemoryCache(samples, dims);
    cache.release = () => {
      this.#memory -= bytes;
    };
    return cache;
  }

  #inFile(samples: number, dims: readonly number[], bytes: number): ActivationCache {
    const path = join(this.folder, `activations-${process.pid}-${this.#files++}.tmp`);
    try {
      return new FileCache(samples, dims, path);
    } catch (error) {
      throw new UserError(`The activation cache of ${Math.ceil(bytes / 2 ** 20)} MiB could not be made in ${this.folder}.`, {
        hint: "Free disk space there, raise the cache's memory limit, or use fewer calibration images.",
        cause: error,
      });
    }
  }
}
