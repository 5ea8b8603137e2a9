/** @file A measurement of sensitivities that several processes share: each measures some blocks, and one puts them together. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { resultsFolder, sensitivityFile } from "../config/resultPaths.ts";
import { type Sensitivity, sensitivitySchema } from "../config/sensitivity.ts";
import { type ChangeStore, FolderChanges } from "../engine/sensitivity/changes.ts";
import type { MeasurementPart } from "../protocol/worker.ts";

/** Where a measurement, or a part of one, is kept. */
export interface MeasurementPlaces {
  readonly file: string;
  /** Folder of what the outputs' changes are. */
  readonly changes: string;
  /** Name of the lock, in the file's folder. */
  readonly lock: string;
}

/** What a measurement holds for. */
export interface MeasurementBasis {
  readonly fingerprint: string;
  readonly candidates: readonly number[];
}

export function measurementPlaces(configFile: string, part: MeasurementPart | undefined): MeasurementPlaces {
  const folder = resultsFolder(configFile);
  if (!part) return { file: sensitivityFile(configFile), changes: join(folder, "sensitivity.changes"), lock: "sensitivity.lock" };
  const name = `${part.index}-of-${part.count}`;
  return { file: join(partsFolder(configFile), `${name}.json`), changes: join(partsFolder(configFile), `${name}.changes`), lock: `${name}.lock` };
}

export async function openChanges({ changes }: MeasurementPlaces, { fingerprint, candidates }: MeasurementBasis): Promise<FolderChanges> {
  return await FolderChanges.open(changes, `${fingerprint} ${candidates.join()}`, candidates.length);
}

/** The measurement in a file, if it is of the same model, data and settings. */
export async function readSensitivity(file: string, fingerprint: string): Promise<Sensitivity | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = sensitivitySchema.safeParse(json);
  return data?.fingerprint === fingerprint ? data : undefined;
}

/** The same, if it is of the same candidates too, so that it can be gone on with. */
export async function readMeasurement(file: string, { fingerprint, candidates }: MeasurementBasis): Promise<Sensitivity | undefined> {
  const known = await readSensitivity(file, fingerprint);
  return known && sameNumbers(known.candidates, candidates) ? known : undefined;
}

/** What was begun together with what the parts have measured; their changes are taken over into `changes`. */
export async function withParts(
  own: Sensitivity | undefined,
  configFile: string,
  basis: MeasurementBasis,
  changes: ChangeStore,
): Promise<Sensitivity | undefined> {
  const folder = partsFolder(configFile);
  const names = await readdir(folder).catch(() => []);
  let whole = own;
  for (const name of names.filter((file) => file.endsWith(".json")).toSorted()) {
    const part = await readMeasurement(join(folder, name), basis);
    if (!part) continue;
    const source = await openChanges({ file: "", changes: join(folder, name.replace(/json$/, "changes")), lock: "" }, basis);
    for (const layer of await source.layers()) {
      const kept = await source.load(layer);
      if (kept) await changes.save(layer, kept);
    }
    whole = whole ? together(whole, part) : part;
  }
  return whole;
}

/** Once all is put together. */
export async function removeParts(configFile: string): Promise<void> {
  // A worker that has just done a part may still be taking its lock away: ENOTEMPTY is tried again.
  await rm(partsFolder(configFile), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

function together(whole: Sensitivity, part: Sensitivity): Sensitivity {
  const known = new Set(whole.layers.map(({ layer }) => layer));
  const isNew = (layer: string) => !known.has(layer);
  return {
    ...whole,
    layers: [...whole.layers, ...part.layers.filter(({ layer }) => isNew(layer))],
    pairs: [...whole.pairs, ...part.pairs.filter(({ layers }) => isNew(layers[0]))],
  };
}

function partsFolder(configFile: string): string {
  return join(resultsFolder(configFile), "sensitivity.parts");
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return JSON.stringify(a.toSorted((x, y) => x - y)) === JSON.stringify(b.toSorted((x, y) => x - y));
}
