/** @file The sensitivities of one config, measured by several processes: on this machine, or on a queue. */
import { basename, dirname, join, resolve } from "node:path";
import { resultsFolder } from "../../config/resultPaths.ts";
import { CancelledError, UserError } from "../../engine/errors.ts";
import { makeFolder } from "../folders.ts";
import type { JobContext } from "../jobs.ts";
import { readConfig, runSettings } from "../readConfig.ts";
import { Contents } from "./contents.ts";
import { type JobRunner, plainSettings } from "./doPlan.ts";
import { jobReporter } from "./jobReports.ts";
import type { JobEvent } from "./localPool.ts";
import { measurementBasis, measurementJobs, type SweepJob, settingsHash } from "./planSweep.ts";
import { relativePath } from "./readSweep.ts";

export interface SharedMeasurement {
  readonly configFile: string;
  /** Whose seed and candidates count. */
  readonly run: string;
  readonly candidates: readonly number[] | undefined;
  readonly runner: JobRunner;
}

/** Measures what is missing; the file is then complete. @throws UserError with the reason where a part failed */
export async function measureTogether(
  { configFile, run, candidates: given, runner }: SharedMeasurement,
  { report, signal }: JobContext,
): Promise<void> {
  const file = resolve(configFile);
  const [folder, results] = [dirname(file), resultsFolder(file)];
  const config = await readConfig(file);
  const settings = runSettings(config, run, file);
  const candidates = [...(given ?? settings.search?.candidates ?? [2, 4, 8])];
  await makeFolder(results);
  const contents = await Contents.open(join(results, "contents.json"), folder);
  const shared = await contents.configBasis(config, folder);
  await contents.save();
  const job: SweepJob = {
    id: run,
    kind: "sensitivity",
    config: basename(file),
    run,
    model: basename(config.model),
    candidates,
    settings: settingsHash(settings),
    basis: measurementBasis(shared, settings.seed, candidates),
    after: [],
  };
  const jobs = measurementJobs(job, runner.measurementParts);
  const tell = jobReporter(jobs.length, report);
  let failure: string | undefined;
  const onEvent = (event: JobEvent) => {
    tell(event);
    if (event.type === "ended" && event.outcome.kind === "failed") failure ??= event.outcome.message;
  };
  const plan = { folder, target: relativePath(folder, results), jobs, outcomes: new Map() };
  await runner.run(plan, { ...plainSettings, signal, report, onEvent });
  if (signal.aborted) throw new CancelledError();
  if (failure !== undefined) throw new UserError(failure);
}
