/** @file Reading a sweep file, and the models that it names. */
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { mapDataPaths } from "../../config/configPaths.ts";
import type { Config } from "../../config/schema.ts";
import { type SweepFile, sweepFileSchema } from "../../config/sweepSchema.ts";
import { UserError } from "../../engine/errors.ts";
import { parseAs, readConfig } from "../readConfig.ts";

export type ModelConfig = Omit<Config, "runs" | "$schema">;

export interface ReadSweep {
  readonly content: SweepFile;
  /** Each model with its data; paths are relative to `folder`. */
  readonly models: ReadonlyMap<string, ModelConfig>;
}

/**
 * Reads a sweep file and the configs that it names.
 * @param folder what the models' paths are to be relative to
 * @throws UserError with the line of the first mistake
 */
export async function readSweep(file: string, folder: string): Promise<ReadSweep> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "does not exist" : error.code === "EISDIR" ? "is a folder" : `can't be read (${error.code})`;
    throw new UserError(`The sweep ${file} ${reason}.`);
  });
  const content = parseAs(sweepFileSchema, text, file);
  const models = new Map<string, ModelConfig>();
  for (const name of Object.keys(content.sweep.models)) models.set(name, await modelConfig(name, content, file, folder));
  return { content, models };
}

async function modelConfig(name: string, content: SweepFile, file: string, folder: string): Promise<ModelConfig> {
  const given = content.sweep.models[name]!;
  const { input, calibration, evaluation } = content;
  const shared = { input, calibration, evaluation };
  const base = dirname(resolve(file));
  if (typeof given === "string" && given.endsWith(".json")) {
    const path = resolve(base, given);
    const { runs: _, $schema: __, ...config } = await readConfig(path);
    // Its own data, and where it has none, the sweep's.
    return { ...movedConfig({ model: "", ...shared }, base, folder), ...movedConfig(config, dirname(path), folder) };
  }
  const own = typeof given === "string" ? { model: given } : given;
  return movedConfig({ ...shared, ...definedOf(own), model: own.model }, base, folder);
}

/** A config as it reads from another folder, without its runs; what is not set is left out. */
export function movedConfig(config: ModelConfig, from: string, to: string): ModelConfig {
  const change = (path: string) => relativePath(to, resolve(from, path));
  return { ...mapDataPaths(config, change), model: change(config.model) };
}

/** With slashes, so that a file that Windows wrote reads elsewhere. */
export function relativePath(from: string, to: string): string {
  return relative(from, to).split(sep).join("/");
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
