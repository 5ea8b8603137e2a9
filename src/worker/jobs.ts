/** @file What the worker can do. The command line calls the same functions in its own process. */
import { appendFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Inspection } from "../config/inspection.ts";
import type { RunResult } from "../config/result.ts";
import { resultsFolder, runFiles } from "../config/resultPaths.ts";
import type { RunConfig } from "../config/schema.ts";
import type { SearchResult } from "../config/searchResult.ts";
import { fileError, removeLeftovers, writeFileAtomic } from "../engine/files.ts";
import { describeNetwork } from "../engine/graph/inspection.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { FolderCheckpoint } from "../engine/reconstruction/checkpoint.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import type { Progress, ReportProgress } from "../protocol/progress.ts";
import type { Job, JobResult, RuntimeSettings } from "../protocol/worker.ts";
import { drawModel } from "./drawModel.ts";
import { makeFolder } from "./folders.ts";
import { initConfig } from "./initConfig.ts";
import { layerDetails } from "./layerDetails.ts";
import { measureConfigured } from "./measureConfigured.ts";
import { quantizeRun } from "./quantizeRun.ts";
import { readConfig, runSettings } from "./readConfig.ts";
import { RunLock } from "./runLock.ts";
import { limitedCost, searchConfigured, withSearchedBits } from "./searchConfigured.ts";

/** Memory for activation caches where the user sets none: 4 GiB. */
export const defaultCacheBytes = 4 * 2 ** 30;

export interface JobContext {
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
}

/** Does a job of one model. Throws UserError for the user's mistakes and CancelledError when cancelled. */
export async function runJob(job: Exclude<Job, { job: "sweep" }>, context: JobContext): Promise<JobResult> {
  const runtime = await createRuntime(job.runtime);
  switch (job.job) {
    case "inspect":
      return { job: "inspect", inspection: await inspectModel(runtime, job.model) };
    case "graph":
      return { job: "graph", graph: await drawModel(runtime, job.model) };
    case "layer-details":
      return { job: "layer-details", details: await layerDetails(runtime, job) };
    case "init":
      return { job: "init", config: await initConfig({ runtime, model: job.model, calibration: job.calibration }) };
    case "run": {
      const { result, resultFile } = await runConfigured(
        { runtime, settings: job.runtime, configFile: job.config, run: job.run, resume: job.resume, takeOverSeconds: job.takeOverSeconds },
        context,
      );
      return { job: "run", result, resultFile };
    }
    case "sensitivity": {
      const { config: configFile, run, candidates, fresh, part } = job;
      const { sensitivity, file } = await measureConfigured(
        { runtime, cacheBytes: job.runtime.cacheBytes, configFile, run, candidates, fresh, part },
        context,
      );
      return { job: "sensitivity", sensitivity, file };
    }
    case "search": {
      const { config: configFile, run, candidates, limit, front: cost } = job;
      const { search, front } = await searchConfigured(
        { runtime, cacheBytes: job.runtime.cacheBytes, configFile, run, candidates, limit, front: cost },
        context,
      );
      return { job: "search", search, front };
    }
  }
}

/** The layers, blocks and unsupported operators of a model file. */
export async function inspectModel(runtime: Runtime, model: string): Promise<Inspection> {
  return describeNetwork(await prepareNetwork(await loadModel(model), runtime), model);
}

export interface ConfiguredRun {
  readonly runtime: Runtime;
  readonly settings: RuntimeSettings;
  readonly configFile: string;
  readonly run: string;
  /** Go on from the finished blocks of an interrupted run. */
  readonly resume: boolean;
  /** Take the run over from a process that has been silent for so long; see {@link RunLock.acquire}. */
  readonly takeOverSeconds?: number | undefined;
}

/** Does one run of a config: results, log and checkpoints lie in its results folder. */
export async function runConfigured(
  { runtime, settings, configFile, run, resume, takeOverSeconds }: ConfiguredRun,
  { report, signal }: JobContext,
): Promise<{ result: RunResult; resultFile: string }> {
  const config = await readConfig(configFile);
  const runConfig = runSettings(config, run, configFile);
  const files = runFiles(configFile, run);
  const folder = dirname(resolve(configFile));
  await makeFolder(files.folder);
  const lock = await RunLock.acquire(files.folder, `The run "${run}"`, { takeOverSeconds });
  try {
    await removeLeftovers(files.folder);
    if (resume) await mendLog(files.log);
    else await rm(files.log, { force: true });
    let checkpoint: FolderCheckpoint | undefined;
    const logged: ReportProgress = (event) => {
      lock.requireHeld();
      appendLog(files.log, event);
      report(event);
    };
    const searched =
      runConfig.search &&
      (await searchConfigured(
        { runtime, cacheBytes: settings.cacheBytes, configFile, run, front: limitedCost(runConfig.search.limit) },
        { report: logged, signal },
      ));
    const quantized = await quantizeRun({
      runtime,
      model: resolve(folder, config.model),
      config,
      folder,
      runName: run,
      run: searched ? withSearchedBits(runConfig, searched) : runConfig,
      output: files.model,
      dataFolder: resultsFolder(configFile),
      cacheBytes: settings.cacheBytes ?? defaultCacheBytes,
      openCheckpoint: async (fingerprint) => {
        checkpoint = await FolderCheckpoint.open(files.checkpoint, fingerprint, !resume);
        return checkpoint;
      },
      // An old result must not stand beside a new model, however the process ends.
      beforeOutput: () => rm(files.result, { force: true }),
      report: logged,
      signal,
    });
    const result = searched ? withSearch(quantized, runConfig, searched.search) : quantized;
    await writeFileAtomic(files.result, `${JSON.stringify(result, undefined, 2)}\n`);
    await checkpoint?.remove();
    return { result, resultFile: files.result };
  } finally {
    await lock.release();
  }
}

/** A searched run's result: its own settings, what was found, and what the file's format means for a limit of size. */
function withSearch(quantized: RunResult, run: RunConfig, search: SearchResult): RunResult {
  const limited = search.limits.size !== undefined && run.export === "portable";
  const warning = 'The limit of size is that of a native file: a portable one holds every weight in 8 bits. Export it as "native" to get that size.';
  return { ...quantized, config: { ...run }, search, warnings: [...quantized.warnings, ...(limited ? [warning] : [])] };
}

/** Cuts off the line that a killed process could not finish. */
async function mendLog(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) await writeFileAtomic(file, whole);
}

function appendLog(file: string, event: Progress): void {
  try {
    appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
  } catch (error) {
    throw fileError(error, "write", file);
  }
}
