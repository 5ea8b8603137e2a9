/** @file Telling whether a run's result is still that of its inputs: the hash of these lies beside it, in the file `basis`. */
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { resultSchema } from "../../config/result.ts";
import { runFiles } from "../../config/resultPaths.ts";
import type { RunFigures } from "../../config/sweepResult.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import { makeFolder } from "../folders.ts";
import { measurementPlaces } from "../measurementParts.ts";
import type { SweepJob } from "./planSweep.ts";
import { runFigures } from "./runFigures.ts";

/** The figures of a run that was finished on this basis; undefined where it was not. */
export async function finishedFigures(configFile: string, run: string, basis: string): Promise<RunFigures | undefined> {
  const stored = await readFile(basisFile(configFile, run), "utf8").catch(() => undefined);
  if (stored !== basis) return undefined;
  const text = await readFile(runFiles(configFile, run).result, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { data } = resultSchema.safeParse(JSON.parse(text));
    return data && runFigures(data);
  } catch {
    return undefined;
  }
}

export async function markFinished(configFile: string, run: string, basis: string): Promise<void> {
  await writeFileAtomic(basisFile(configFile, run), basis);
}

/** Before a run is done on another basis, so that at no moment an old basis stands beside a new result. */
export async function unmarkFinished(configFile: string, run: string): Promise<void> {
  await rm(basisFile(configFile, run), { force: true });
}

function basisFile(configFile: string, run: string): string {
  return join(runFiles(configFile, run).folder, "basis");
}

/** Whether the sensitivities of a job's config, or its part of them, were measured on its basis. */
export async function isMeasured(configFile: string, job: SweepJob): Promise<boolean> {
  const places = [measurementPlaces(configFile, undefined), ...(job.part ? [measurementPlaces(configFile, job.part)] : [])];
  const found = await Promise.all(places.map(({ file }) => Promise.all([readFile(markOf(file), "utf8"), readFile(file)]).catch(() => undefined)));
  return found.some((content) => content?.[0] === job.basis);
}

export async function markMeasured(configFile: string, job: SweepJob): Promise<void> {
  const { file } = measurementPlaces(configFile, job.part);
  // Another process may have put all parts together meanwhile, and removed them.
  await makeFolder(dirname(file));
  await writeFileAtomic(markOf(file), job.basis);
}

function markOf(file: string): string {
  return file.replace(/\.json$/, ".basis");
}
