/** @file From a sweep's runs to jobs: configs are written, finished runs are found, and what a run needs first comes before it. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { mapRunPaths } from "../../config/configPaths.ts";
import { resultsFolder } from "../../config/resultPaths.ts";
import type { RunConfig } from "../../config/schema.ts";
import type { RunFigures } from "../../config/sweepResult.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import { measurementPartSchema } from "../../protocol/worker.ts";
import { makeFolder } from "../folders.ts";
import { Contents } from "./contents.ts";
import type { SweepRun } from "./expandSweep.ts";
import { finishedFigures } from "./finishedRun.ts";
import { grouped } from "./grouped.ts";
import { type ModelConfig, relativePath } from "./readSweep.ts";
import type { RunOutcome } from "./sweepTable.ts";

export const sweepJobSchema = z.object({
  id: z.string().describe("Unique in the sweep."),
  kind: z.enum(["sensitivity", "search", "run"]),
  config: z.string().describe("The written config, relative to the sweep file's folder."),
  run: z.string(),
  model: z.string(),
  part: measurementPartSchema.optional().describe("Of a measurement that several jobs share."),
  candidates: z.array(z.number()).optional().describe("Bits to measure: those of all searches that use the measurement."),
  settings: z.string().describe("Hash of the run's settings: the config on the disk may be another one by the time the job is done."),
  basis: z.string().describe("Hash of all that the result depends on."),
  after: z.array(z.string()).describe("Jobs that must be done before."),
});

/** One piece of work: a run, or what a run with a search needs before it. */
export type SweepJob = z.infer<typeof sweepJobSchema>;

export interface SweepPlan {
  /** The sweep file's folder, which the jobs' paths are relative to. */
  readonly folder: string;
  /** The folder of configs and results, relative to it. */
  readonly target: string;
  /** Jobs that are to be done, each behind those that it needs. */
  readonly jobs: readonly SweepJob[];
  /** Every run: finished ones with their figures, the others waiting. */
  readonly outcomes: ReadonlyMap<string, RunOutcome>;
}

export interface SweepContent {
  readonly folder: string;
  /** Where configs and results go: a folder below `folder`. */
  readonly target: string;
  /** What the written configs say about themselves. */
  readonly origin: string;
  /** Models by name; their paths are relative to `target`. */
  readonly models: ReadonlyMap<string, ModelConfig>;
  readonly runs: readonly SweepRun[];
  /** Into how many jobs a measurement of sensitivities is cut. */
  readonly measurementParts: number;
}

/** The key of a run among all of a sweep. */
export function runKey({ model, name }: Pick<SweepRun, "model" | "name">): string {
  return `${model}/${name}`;
}

/** The key of the run that a job belongs to. */
export function runKeyOfJob({ model, run }: SweepJob): string {
  return runKey({ model, name: run });
}

const looksAtOnce = 16;

/** Writes a config a model, so that every run can be looked at, and done alone, like any other. */
export async function planSweep({ folder, target, origin, models, runs, measurementParts }: SweepContent): Promise<SweepPlan> {
  await makeFolder(target);
  for (const name of new Set(runs.map(configName))) await makeFolder(resultsFolder(join(target, `${name}.brecq.json`)));
  const contents = await Contents.open(join(target, "contents.json"), folder);
  const moved = runs.map((run) => ({ ...run, settings: mapRunPaths(run.settings, (path) => relativePath(target, join(folder, path))) }));
  const jobs: SweepJob[] = [];
  const outcomes = new Map<string, RunOutcome>();
  for (const [name, group] of grouped(moved, configName)) {
    const model = models.get(group[0]!.model)!;
    const file = join(target, `${name}.brecq.json`);
    await writeConfig(file, origin, { ...model, runs: Object.fromEntries(group.map((run) => [run.name, run.settings])) });
    const shared = await contents.configBasis(model, target);
    const missing: SweepJob[] = [];
    for (const { run, basis, figures } of await finishedAmong(group, file, (run) => contents.runBasis(shared, run.settings, target))) {
      outcomes.set(runKey(run), figures ? { run, state: "reused", figures } : { run, state: "waiting" });
      if (figures) continue;
      const settings = settingsHash(run.settings);
      missing.push({ id: runKey(run), kind: "run", config: relativePath(folder, file), run: run.name, model: run.model, settings, basis, after: [] });
    }
    jobs.push(...withSearches(missing, group, shared, measurementParts));
  }
  await contents.save();
  const order = new Map(runs.map((run, index) => [runKey(run), index]));
  // In the order of the sweep and not by config; what a run needs keeps its place before it.
  const rank = (job: SweepJob) => order.get(runKeyOfJob(job))!;
  return {
    folder,
    target: relativePath(folder, target),
    jobs: jobs.toSorted((a, b) => rank(a) - rank(b)),
    outcomes: new Map([...order.keys()].map((key) => [key, outcomes.get(key)!])),
  };
}

/** Looks for finished runs, several at once: on a network file system each answer takes a while. */
async function finishedAmong(runs: readonly SweepRun[], file: string, basisOf: (run: SweepRun) => Promise<string>) {
  const found: { run: SweepRun; basis: string; figures: RunFigures | undefined }[] = [];
  for (let start = 0; start < runs.length; start += looksAtOnce) {
    const looks = runs.slice(start, start + looksAtOnce).map(async (run) => {
      const basis = await basisOf(run);
      return { run, basis, figures: await finishedFigures(file, run.name, basis) };
    });
    found.push(...(await Promise.all(looks)));
  }
  return found;
}

/** Runs that search bits have a config for each seed: their measurement of sensitivities lies beside it, and depends on the seed. */
function configName({ model, settings }: SweepRun): string {
  return settings.search ? `${model}.search-${settings.seed}` : model;
}

/** Before the runs that search: one measurement for all of them, and each one's search, which tells early that a limit cannot be met. */
function withSearches(missing: readonly SweepJob[], group: readonly SweepRun[], shared: string, parts: number): SweepJob[] {
  const searches = group.flatMap(({ settings }) => settings.search ?? []);
  const [first] = missing;
  if (searches.length === 0 || !first) return [...missing];
  const candidates = [...new Set(searches.flatMap((search) => search.candidates))].sort((a, b) => a - b);
  const basis = measurementBasis(shared, group[0]!.settings.seed, candidates);
  const measurement = measurementJobs({ ...first, kind: "sensitivity", candidates, basis }, parts);
  const { id } = measurement.at(-1)!;
  return [
    ...measurement,
    ...missing.flatMap((run): SweepJob[] => {
      const search: SweepJob = { ...run, id: `${run.id}:search`, kind: "search", after: [id] };
      return [search, { ...run, after: [search.id] }];
    }),
  ];
}

/** What a measurement depends on: what the config's runs share, and the settings of its own. */
export function measurementBasis(shared: string, seed: number, candidates: readonly number[]): string {
  return sha256([shared, seed, candidates]);
}

/** The parts of a measurement, where there are several, and the job that puts them together: the last one. */
export function measurementJobs(job: SweepJob, count: number): SweepJob[] {
  const id = `${job.id}:sensitivity`;
  const parts =
    count < 2 ? [] : Array.from({ length: count }, (_, index) => ({ ...job, id: `${id}:${index + 1}`, part: { index, count }, after: [] }));
  return [...parts, { ...job, id, after: parts.map((part) => part.id) }];
}

/** Left as it is where nothing has changed: workers may be reading it. */
async function writeConfig(file: string, origin: string, config: ModelConfig & { runs: Record<string, RunConfig> }): Promise<void> {
  const text = `// Written by ${origin}, and written anew by it.\n${JSON.stringify(config, undefined, 2)}\n`;
  if ((await readFile(file, "utf8").catch(() => undefined)) !== text) await writeFileAtomic(file, text);
}

/** Of a run's settings with all defaults filled in. */
export function settingsHash(run: RunConfig): string {
  return sha256(run);
}

function sha256(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
