/** @file Hashes of what a run reads: models and data by their contents, so that a copy or a checkout elsewhere counts as the same. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { z } from "zod";
import { dataPaths, mapDataPaths, mapRunPaths } from "../../config/configPaths.ts";
import type { Config, RunConfig } from "../../config/schema.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import { loadModel } from "../../engine/onnx/modelFile.ts";
import { updateWithModel } from "../fingerprint.ts";
import { brecqVersion } from "../version.ts";

const knownSchema = z.record(z.string(), z.object({ stamp: z.string(), hash: z.string() }));

/**
 * Hashes of folders and files. A folder is read again only where names, sizes or times in it have changed: `file` keeps what was
 * found, for a folder of images takes long to read.
 */
export class Contents {
  readonly #file: string;
  readonly #folder: string;
  readonly #known: z.infer<typeof knownSchema>;
  readonly #models = new Map<string, Promise<string>>();

  private constructor(file: string, folder: string, known: z.infer<typeof knownSchema>) {
    this.#file = file;
    this.#folder = folder;
    this.#known = known;
  }

  /** @param folder what the paths in the file are relative to, so that it holds wherever the folder is mounted */
  static async open(file: string, folder: string): Promise<Contents> {
    const text = await readFile(file, "utf8").catch(() => "{}");
    return new Contents(file, folder, parseKnown(text));
  }

  async save(): Promise<void> {
    await writeFileAtomic(this.#file, `${JSON.stringify(this.#known, undefined, 2)}\n`);
  }

  /** What all runs of a config share: the model with its weights, the data, how it is read, and this program's version. */
  async configBasis(config: Omit<Config, "runs">, folder: string): Promise<string> {
    const hash = createHash("sha256");
    // Paths are left out: it is what lies there that counts.
    hash.update(JSON.stringify({ version: brecqVersion, ...mapDataPaths(config, () => "") }));
    hash.update(await this.#model(resolve(folder, config.model)));
    for (const path of dataPaths(config)) hash.update(await this.#tree(resolve(folder, path)));
    return hash.digest("hex");
  }

  /** What one run's result depends on, as one number. */
  async runBasis(shared: string, run: RunConfig, folder: string): Promise<string> {
    const hash = createHash("sha256").update(shared);
    let table: string | undefined;
    const settings = mapRunPaths(run, (path) => {
      table = path;
      return "";
    });
    hash.update(JSON.stringify(settings));
    if (table !== undefined) hash.update(await this.#tree(resolve(folder, table)));
    return hash.digest("hex");
  }

  #model(path: string): Promise<string> {
    const known = this.#models.get(path);
    if (known) return known;
    const found = modelHash(path);
    this.#models.set(path, found);
    return found;
  }

  /** Of all names and contents below a path. One that is missing hashes as nothing: the run will tell. */
  async #tree(path: string): Promise<string> {
    const files = await filesBelow(path);
    const stamp = createHash("sha256");
    for (const file of files) {
      const { size, mtimeMs } = await stat(file);
      stamp.update(`${file.slice(path.length)}\0${size}\0${mtimeMs}\0`);
    }
    const key = relative(this.#folder, path).split(sep).join("/");
    const stamped = stamp.digest("hex");
    const known = this.#known[key];
    if (known?.stamp === stamped) return known.hash;
    const hash = createHash("sha256");
    for (const file of files) {
      hash.update(`${file.slice(path.length).split(sep).join("/")}\0`);
      await updateWithFile(hash, file);
    }
    this.#known[key] = { stamp: stamped, hash: hash.digest("hex") };
    return this.#known[key].hash;
  }
}

/** How many samples the config's calibration gives at most. */
export async function calibrationImages({ calibration }: Pick<Config, "calibration">, folder: string): Promise<number> {
  if (!calibration) return 0;
  if ("distill" in calibration) return calibration.distill.count;
  if ("arrays" in calibration) return calibration.count;
  const images = (await filesBelow(resolve(folder, calibration.images))).filter((file) => /\.(jpe?g|png|webp)$/i.test(file));
  return Math.min(calibration.count, images.length);
}

async function modelHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  updateWithModel(hash, await loadModel(path));
  return hash.digest("hex");
}

async function updateWithFile(hash: Hash, file: string): Promise<void> {
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
}

/** All files of a folder, sorted; a file itself; nothing where there is none. */
async function filesBelow(path: string): Promise<string[]> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) return [];
  if (!stats.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

function parseKnown(text: string): z.infer<typeof knownSchema> {
  try {
    return knownSchema.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    return {};
  }
}
