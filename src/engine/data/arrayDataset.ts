/** @file Arrays of preprocessed samples: .npy, or an array of a .npz archive. */
import { readFile, stat } from "node:fs/promises";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import { type FloatTensor, sizeOf } from "../onnx/tensor.ts";
import type { Dataset } from "./dataset.ts";
import { drawSample } from "./imageFolder.ts";
import { readNpy } from "./npy.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** Node.js reads no larger file at once. */
const maxFileBytes = 2 ** 31 - 1;

/**
 * Opens samples [n, …] of the shape of a model's input; draws `count` by the seed where there are more.
 * @throws UserError where the file is no such array
 */
export async function openArrays(path: string, inputDims: readonly number[], count: number, seed: number): Promise<Dataset> {
  const bytes = await readArrayFile(path);
  try {
    const array = isZip(bytes) ? readNpy(singleArray(readZip(bytes)).unpack()) : readNpy(bytes);
    requireShape(array, inputDims);
    requireFinite(array);
    return sampled(
      array,
      drawSample(
        Array.from({ length: array.dims[0]! }, (_, i) => i),
        count,
        seed,
      ),
    );
  } catch (error) {
    if (error instanceof UserError) throw new UserError(error.message, { hint: error.hint, place: { file: path }, cause: error });
    throw error;
  }
}

async function readArrayFile(path: string): Promise<Uint8Array> {
  try {
    const stats = await stat(path);
    if (stats.isFile() && stats.size > maxFileBytes)
      throw new UserError("The file of arrays is over 2 GiB.", { hint: "Save fewer samples; 1,024 will do.", place: { file: path } });
    return await readFile(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

function singleArray(entries: readonly ZipEntry[]): ZipEntry {
  const [entry, ...others] = entries;
  if (entry && others.length === 0) return entry;
  const names = entries.map(({ name }) => name.replace(/\.npy$/, "")).slice(0, 10);
  throw new UserError(
    `The archive holds ${entries.length} arrays${names.length > 0 ? ` (${names.join(", ")})` : ""}, and it is not clear which are the samples.`,
    {
      hint: "Save the samples alone, as .npy.",
    },
  );
}

function requireShape(array: FloatTensor, inputDims: readonly number[]): void {
  const [samples, ...sample] = array.dims;
  const wanted = inputDims.slice(1);
  const fits = sample.length === wanted.length && sample.every((dim, axis) => dim === wanted[axis]);
  if (fits && samples! > 0) return;
  throw new UserError(`The array has the shape [${array.dims.join(", ")}], and samples for the model have [${["n", ...wanted].join(", ")}].`, {
    hint: "Save samples exactly as the model takes them, one after the other along the first axis.",
  });
}

function requireFinite(array: FloatTensor): void {
  const at = array.data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const sample = Math.floor(at / (array.data.length / array.dims[0]!));
  throw new UserError(`The array has a value that is not finite (${array.data[at]}) in sample ${sample}.`, { hint: "Save it without such values." });
}

function sampled(array: FloatTensor, samples: readonly number[]): Dataset {
  const size = sizeOf(array.dims.slice(1));
  const read = async (start: number, count: number) => {
    const out = new Float32Array(count * size);
    for (const [i, sample] of samples.slice(start, start + count).entries())
      out.set(array.data.subarray(sample * size, (sample + 1) * size), i * size);
    return out;
  };
  return { count: samples.length, dims: [1, ...array.dims.slice(1)], read, names: samples.map(String), warnings: [] };
}
