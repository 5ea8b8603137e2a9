/** @file Where a config's results lie: `<config name>.results/<run>/` beside the config. */
import { basename, dirname, join } from "node:path";

export const configExtension = ".brecq.json";

/** The folder of all results of a config: `resnet20.results` beside `resnet20.brecq.json`. */
export function resultsFolder(configFile: string): string {
  return join(dirname(configFile), `${basename(configFile).replace(/(\.brecq)?\.jsonc?$/i, "")}.results`);
}

/** The files of one run. `checkpoint` exists only while the run can be resumed. */
export function runFiles(configFile: string, run: string): { folder: string; result: string; model: string; log: string; checkpoint: string } {
  const folder = join(resultsFolder(configFile), run);
  return {
    folder,
    result: join(folder, "result.json"),
    model: join(folder, "model.onnx"),
    log: join(folder, "log.jsonl"),
    checkpoint: join(folder, "checkpoint"),
  };
}

/** Where the front of a run's search lies, or of a search without a run. */
export function frontFile(configFile: string, run: string | undefined): string {
  return join(resultsFolder(configFile), ...(run === undefined ? [] : [run]), "search.json");
}

/** Where a config's measured sensitivities lie. */
export function sensitivityFile(configFile: string): string {
  return join(resultsFolder(configFile), "sensitivity.json");
}

export interface SweepFiles {
  readonly markdown: string;
  readonly json: string;
  readonly plot: string;
}

/** Where the table of a sweep's file lies. */
export function sweepFiles(sweepFile: string): SweepFiles {
  const folder = resultsFolder(sweepFile);
  return { markdown: join(folder, "table.md"), json: join(folder, "table.json"), plot: join(folder, "pareto.svg") };
}
