/** @file The files and folders that a config names, all at once: to move a config to another folder, or to leave them out of account. */
import { latencyPresets } from "./latencyPresets.ts";
import type { Config, RunConfig } from "./schema.ts";

type Data = Pick<Config, "input" | "calibration" | "evaluation">;

/** Kinds of labels that are no file. */
const labelKinds = new Set(["folders", "yolo", "masks", "images", "none"]);

/** The data of a config with each of its paths replaced. */
export function mapDataPaths({ input, calibration, evaluation }: Data, change: (path: string) => string): Data {
  return {
    ...(input && { input }),
    ...(calibration && { calibration: mapCalibration(calibration, change) }),
    ...(evaluation && { evaluation: mapEvaluation(evaluation, change) }),
  };
}

/** The paths of a config's data. */
export function dataPaths(data: Data): string[] {
  const found: string[] = [];
  mapDataPaths(data, (path) => {
    found.push(path);
    return path;
  });
  return found;
}

/** A run's settings with the path of its latency table replaced, where that is a file. */
export function mapRunPaths(run: RunConfig, change: (path: string) => string): RunConfig {
  const table = run.search?.limit.table;
  if (!run.search || table === undefined || Object.hasOwn(latencyPresets, table)) return run;
  return { ...run, search: { ...run.search, limit: { ...run.search.limit, table: change(table) } } };
}

function mapCalibration(calibration: NonNullable<Data["calibration"]>, change: (path: string) => string): NonNullable<Data["calibration"]> {
  if ("images" in calibration) return { ...calibration, images: change(calibration.images) };
  if ("arrays" in calibration) return { ...calibration, arrays: change(calibration.arrays) };
  return calibration;
}

function mapEvaluation(evaluation: NonNullable<Data["evaluation"]>, change: (path: string) => string): NonNullable<Data["evaluation"]> {
  const { images, labels, classes, boxes, masks, targets } = evaluation;
  return {
    ...evaluation,
    images: change(images),
    labels: labelKinds.has(labels) ? labels : change(labels),
    ...(classes !== undefined && { classes: change(classes) }),
    ...(boxes !== undefined && { boxes: change(boxes) }),
    ...(masks !== undefined && { masks: change(masks) }),
    ...(targets !== undefined && { targets: change(targets) }),
  };
}
