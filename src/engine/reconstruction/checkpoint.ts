/** @file Finished blocks on disk, so that an interrupted run goes on where it stopped. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../files.ts";
import type { Reconstruction } from "./reconstruct.ts";

/** Where finished blocks are kept. */
export interface Checkpoint {
  /** The block's reconstruction, if it was finished. */
  load(block: number): Promise<Reconstruction | undefined>;
  save(block: number, reconstruction: Reconstruction): Promise<void>;
}

const headerSchema = z.object({
  sizes: z.array(z.number().int().nonnegative()),
  channels: z.array(z.object({ scale: z.array(z.number()), bias: z.array(z.number()).optional() })),
  scales: z.array(z.number()).default([]),
  curve: z.array(z.object({ step: z.number(), loss: z.number() })),
});

/** In front of a file, the SHA-256 of the rest of it. */
const checksumBytes = 32;

function checksum(pieces: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

/**
 * Checkpoints in a folder. They belong to one fingerprint (of model, data and settings): finished blocks of
 * another one are removed when the folder is opened.
 */
export class FolderCheckpoint implements Checkpoint {
  private constructor(readonly folder: string) {}

  /** Opens the folder; `fresh` forgets what is there. */
  static async open(folder: string, fingerprint: string, fresh: boolean): Promise<FolderCheckpoint> {
    const known = await readFile(join(folder, "fingerprint"), "utf8").catch(() => undefined);
    if (fresh || known !== fingerprint) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(join(folder, "fingerprint"), [new TextEncoder().encode(fingerprint)]);
    }
    return new FolderCheckpoint(folder);
  }

  /** A file that is damaged counts as absent: its block is done again. */
  async load(block: number): Promise<Reconstruction | undefined> {
    const bytes = await readFile(this.#path(block)).catch(() => undefined);
    const content = bytes?.subarray(checksumBytes);
    if (!bytes || !content || !checksum([content]).equals(bytes.subarray(0, checksumBytes))) return undefined;
    const headerEnd = content.indexOf("\n");
    const header = headerSchema.parse(JSON.parse(content.subarray(0, headerEnd).toString("utf8")));
    let position = headerEnd + 1;
    const levels = header.sizes.map((size) => {
      position += size;
      return Uint8Array.from(content.subarray(position - size, position));
    });
    return {
      levels,
      channels: header.channels.map(({ scale, bias }) => ({ scale: Float32Array.from(scale), ...(bias && { bias: Float32Array.from(bias) }) })),
      scales: header.scales,
      curve: header.curve,
    };
  }

  async save(block: number, { levels, channels, scales, curve }: Reconstruction): Promise<void> {
    const sizes = levels.map(({ length }) => length);
    const header = `${JSON.stringify({ sizes, channels: channels.map(({ scale, bias }) => ({ scale: [...scale], bias: bias && [...bias] })), scales, curve })}\n`;
    const content = [new TextEncoder().encode(header), ...levels];
    await writeFileAtomic(this.#path(block), [checksum(content), ...content]);
  }

  /** Removes everything: the run is done. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #path(block: number): string {
    return join(this.folder, `block-${block}.bin`);
  }
}
