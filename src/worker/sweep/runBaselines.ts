/** @file The paper's comparison on one model: a sweep of methods and bits with a table of its own. */
import { basename, dirname, join, resolve } from "node:path";
import { resultsFolder } from "../../config/resultPaths.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import type { JobContext } from "../jobs.ts";
import { readConfig } from "../readConfig.ts";
import { baselineMarkdown } from "./baselineMarkdown.ts";
import { type BaselineAxes, expandRuns } from "./baselineRuns.ts";
import { baselineSvg } from "./baselineSvg.ts";
import { type BaselineOutcome, type ComparisonTable, summarize } from "./baselineTable.ts";
import { calibrationImages } from "./contents.ts";
import { doPlan, type JobRunner, plainSettings } from "./doPlan.ts";
import { planSweep, runKey } from "./planSweep.ts";
import { movedConfig } from "./readSweep.ts";
import type { RunOutcome } from "./sweepTable.ts";

/** The name of the comparison's config among the results of the config that it is about. */
const name = "baselines";

export interface BaselineOptions {
  readonly configFile: string;
  readonly axes: BaselineAxes;
  readonly runner: JobRunner;
}

export interface Baselines {
  readonly table: ComparisonTable;
  readonly markdown: string;
  readonly files: { readonly markdown: string; readonly json: string; readonly plot: string };
  /** Runs that were finished before. */
  readonly reused: number;
}

/**
 * Does the runs that are missing, and writes the table as they end: an interrupted comparison goes on where it stopped.
 * A run that its settings or the model make impossible leaves its reason in the table.
 */
export async function runBaselines({ configFile, axes, runner }: BaselineOptions, context: JobContext): Promise<Baselines> {
  const file = resolve(configFile);
  const folder = dirname(file);
  const config = await readConfig(file);
  const runs = expandRuns(axes);
  const images = await calibrationImages(config, folder);
  const target = resultsFolder(file);
  const plan = await planSweep({
    folder,
    target,
    origin: `\`brecq baselines ${basename(file)}\``,
    models: new Map([[name, movedConfig(config, folder, target)]]),
    runs: runs.map((run) => ({ model: name, name: run.name, settings: run.settings })),
    measurementParts: runner.measurementParts,
  });
  const results = join(target, `${name}.results`);
  const files = { markdown: join(results, "table.md"), json: join(results, "table.json"), plot: join(results, "plot.svg") };
  let table: ComparisonTable | undefined;
  await doPlan({
    plan,
    runner,
    settings: plainSettings,
    context,
    write: async (outcomes) => {
      const byKey = new Map(outcomes.map((outcome) => [runKey(outcome.run), outcome]));
      const own = runs.flatMap((run) => baselineOutcome(run, byKey.get(runKey({ model: name, name: run.name }))!));
      table = summarize(basename(config.model), axes, own, images);
      await writeFileAtomic(files.markdown, `${baselineMarkdown(table)}\n`);
      await writeFileAtomic(files.json, `${JSON.stringify(table, undefined, 2)}\n`);
      await writeFileAtomic(files.plot, baselineSvg(table));
    },
  });
  const reused = [...plan.outcomes.values()].filter(({ state }) => state === "reused").length;
  return { table: table!, markdown: baselineMarkdown(table!), files, reused };
}

/** Nothing for a run that has not ended. */
function baselineOutcome(run: BaselineOutcome["run"], { figures, error }: RunOutcome): BaselineOutcome[] {
  if (figures) return [{ run, figures }];
  return error === undefined ? [] : [{ run, error }];
}
