/** @file How the network's outputs change with each layer: kept while sensitivities are measured, for the terms of pairs across blocks. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";

/** Changes of the outputs by layer: one array a candidate, all equally long. */
export interface ChangeStore {
  load(layer: number): Promise<Float32Array[] | undefined>;
  save(layer: number, changes: readonly Float32Array[]): Promise<void>;
}

/** Changes in files, so that an interrupted measurement can go on. They belong to one fingerprint: those of another are removed. */
export class FolderChanges implements ChangeStore {
  private constructor(
    readonly folder: string,
    readonly candidates: number,
  ) {}

  static async open(folder: string, fingerprint: string, candidates: number): Promise<FolderChanges> {
    const known = await readFile(join(folder, "fingerprint"), "utf8").catch(() => undefined);
    if (known !== fingerprint) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(join(folder, "fingerprint"), fingerprint);
    }
    return new FolderChanges(folder, candidates);
  }

  async load(layer: number): Promise<Float32Array[] | undefined> {
    const bytes = await readFile(this.#path(layer)).catch(() => undefined);
    if (!bytes) return undefined;
    const floats = new Float32Array(Uint8Array.from(bytes).buffer);
    const length = floats.length / this.candidates;
    return Array.from({ length: this.candidates }, (_, i) => floats.subarray(i * length, (i + 1) * length));
  }

  async save(layer: number, changes: readonly Float32Array[]): Promise<void> {
    await writeFileAtomic(
      this.#path(layer),
      changes.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
    );
  }

  /** Places of the layers that there are changes of. */
  async layers(): Promise<number[]> {
    const names = await readdir(this.folder);
    return names.flatMap((name) => /^layer-(\d+)\.bin$/.exec(name)?.[1] ?? []).map(Number);
  }

  /** Removes everything: the measurement is complete. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #path(layer: number): string {
    return join(this.folder, `layer-${layer}.bin`);
  }
}
