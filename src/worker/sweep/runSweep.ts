/** @file Doing the runs of a comparison one after the other; finished ones are taken as they are where nothing changed. */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type RunResult, resultSchema } from "../../config/result.ts";
import { resultsFolder, runFiles } from "../../config/resultPaths.ts";
import { UserError } from "../../engine/errors.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import type { Runtime } from "../../engine/runtime/runtime.ts";
import type { RuntimeSettings } from "../../protocol/worker.ts";
import { makeFolder } from "../folders.ts";
import { type JobContext, runConfigured } from "../jobs.ts";
import { readConfig } from "../readConfig.ts";
import { expandRuns, type SweepAxes, type SweepRun } from "./expandRuns.ts";
import { plotSvg } from "./plotSvg.ts";
import { calibrationImages, configBasis, runBasis } from "./runBasis.ts";
import { type ComparisonTable, type SweepOutcome, summarize } from "./summarize.ts";
import { tableMarkdown } from "./tableMarkdown.ts";

export interface SweepOptions {
  readonly runtime: Runtime;
  readonly settings: RuntimeSettings;
  readonly configFile: string;
  /** The folder below the config's results, e.g. "baselines". */
  readonly name: string;
  readonly axes: SweepAxes;
}

export interface Sweep {
  readonly table: ComparisonTable;
  readonly markdown: string;
  readonly files: { readonly markdown: string; readonly json: string; readonly plot: string };
  /** Runs that were finished before. */
  readonly reused: number;
}

/**
 * Does the runs that are missing, and writes the table after each: an interrupted comparison goes on where it stopped.
 * A run that its settings or the model make impossible leaves its reason in the table.
 */
export async function runSweep({ runtime, settings, configFile, name, axes }: SweepOptions, context: JobContext): Promise<Sweep> {
  const config = await readConfig(configFile);
  const folder = dirname(resolve(configFile));
  const runs = expandRuns(axes);
  const shared = await configBasis(config, folder);
  const images = await calibrationImages(config, folder);
  const modelName = basename(config.model);
  const target = join(resultsFolder(configFile), name);
  const files = { markdown: join(target, "table.md"), json: join(target, "table.json"), plot: join(target, "plot.svg") };
  await makeFolder(target);
  const outcomes: SweepOutcome[] = [];
  let reused = 0;
  let table = summarize(modelName, axes, outcomes, images);
  for (const [i, run] of runs.entries()) {
    const basis = runBasis(shared, run.settings);
    const known = await finishedResult(configFile, `${name}/${run.name}`, basis);
    const place = `${i + 1} of ${runs.length}: ${run.name}`;
    context.report({ type: "phase", phase: "load", message: known ? `Run ${place} is there already` : `Run ${place}` });
    if (known) reused++;
    outcomes.push(known ? { run, result: known } : await outcomeOf(run, basis));
    table = summarize(modelName, axes, outcomes, images);
    await writeFileAtomic(files.markdown, `${tableMarkdown(table)}\n`);
    await writeFileAtomic(files.json, `${JSON.stringify(table, undefined, 2)}\n`);
    await writeFileAtomic(files.plot, plotSvg(table));
  }
  return { table, markdown: tableMarkdown(table), files, reused };

  async function outcomeOf(run: SweepRun, basis: string): Promise<SweepOutcome> {
    const runName = `${name}/${run.name}`;
    try {
      const { result } = await runConfigured({ runtime, settings, configFile, run: runName, runConfig: run.settings, resume: true }, context);
      await writeFileAtomic(basisFile(configFile, runName), basis);
      return { run, result };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.report({ type: "warning", message: `${run.name}: ${error.message}` });
      return { run, error: error.message };
    }
  }
}

function basisFile(configFile: string, run: string): string {
  return join(runFiles(configFile, run).folder, "basis");
}

/** The result of a run that was finished on the same basis. */
async function finishedResult(configFile: string, run: string, basis: string): Promise<RunResult | undefined> {
  const stored = await readFile(basisFile(configFile, run), "utf8").catch(() => undefined);
  if (stored !== basis) return undefined;
  const text = await readFile(runFiles(configFile, run).result, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return resultSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
