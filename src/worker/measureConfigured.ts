/** @file The sensitivities of a config's model: measured, gone on with, or taken from the file where it still holds. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { resultsFolder, sensitivityFile } from "../config/resultPaths.ts";
import { type Config, type RunConfig, runSchema } from "../config/schema.ts";
import type { Sensitivity } from "../config/sensitivity.ts";
import type { Dataset } from "../engine/data/dataset.ts";
import { UserError } from "../engine/errors.ts";
import { writeFileAtomic } from "../engine/files.ts";
import { type Network, prepareNetwork, requireLayers } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { CacheStore } from "../engine/reconstruction/activationCache.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { measureSensitivity } from "../engine/sensitivity/measureSensitivity.ts";
import { measureName } from "../engine/sensitivity/probe.ts";
import type { MeasurementPart } from "../protocol/worker.ts";
import { openCalibrationData, primaryInput } from "./data.ts";
import { makeFolder } from "./folders.ts";
import { defaultCacheBytes, type JobContext } from "./jobs.ts";
import {
  type MeasurementPlaces,
  measurementPlaces,
  openChanges,
  readMeasurement,
  readSensitivity,
  removeParts,
  withParts,
} from "./measurementParts.ts";
import { readConfig, runSettings } from "./readConfig.ts";
import { RunLock } from "./runLock.ts";
import { brecqVersion } from "./version.ts";

/** What a measurement takes: more samples or steps changed no rank (docs/sensitivity.md). */
const measuredSamples = 256;
const roundingSteps = 150;

/** Where no run is named: native files, for in portable ones all bits take the same space. */
const defaultRun = runSchema.parse({ export: "native" });

export interface ConfiguredMeasurement {
  readonly runtime: Runtime;
  readonly cacheBytes: number | undefined;
  readonly configFile: string;
  /** Whose seed, candidates and fixed layers count; without it the defaults, for native files. */
  readonly run: string | undefined;
  /** Bits to measure; the run's where undefined. */
  readonly candidates?: readonly number[] | undefined;
  /** Measure anew even where the file still holds. */
  readonly fresh?: boolean | undefined;
  /** Only one part of the blocks, for a measurement that is shared out: it is kept until one without a part puts all together. */
  readonly part?: MeasurementPart | undefined;
}

export interface Measured {
  readonly config: Config;
  readonly run: RunConfig;
  readonly network: Network;
  readonly candidates: readonly number[];
  readonly sensitivity: Sensitivity;
  readonly file: string;
  /** True where nothing had to be measured. */
  readonly reused: boolean;
}

/** Gives the sensitivities of a config's model, and measures those that are missing. The file is whole at any moment. */
export async function measureConfigured(options: ConfiguredMeasurement, { report, signal }: JobContext): Promise<Measured> {
  const { runtime, configFile } = options;
  const config = await readConfig(configFile);
  const run = options.run === undefined ? defaultRun : runSettings(config, options.run, configFile);
  const candidates = options.candidates ?? run.search?.candidates ?? [2, 4, 8];
  const folder = dirname(resolve(configFile));
  const model = resolve(folder, config.model);
  report({ type: "phase", phase: "load", message: `Loading ${model}` });
  const network = await prepareNetwork(await loadModel(model), runtime);
  requireLayers(network);
  const calibration = await openCalibrationData({ runtime, dataFolder: resultsFolder(configFile), config, folder, run, report, signal }, network);
  if (!calibration) {
    throw new UserError("Sensitivity is measured on calibration data, and the config names none.", {
      hint: 'Add "calibration": { "images": "FOLDER" }.',
      place: { file: configFile },
    });
  }
  const file = sensitivityFile(configFile);
  const fingerprint = await fingerprintOf(model, config, run, calibration);
  const known = options.fresh ? undefined : await readSensitivity(file, fingerprint);
  if (known?.complete && candidates.every((bits) => known.candidates.includes(bits))) {
    report({ type: "phase", phase: "sensitivity", message: `Sensitivities are taken from ${file}` });
    return { config, run, network, candidates, sensitivity: known, file, reused: true };
  }
  const places = measurementPlaces(configFile, options.part);
  await makeFolder(dirname(places.file));
  const lock = await RunLock.acquire(dirname(places.file), "The measurement of sensitivities", { name: places.lock });
  try {
    const sensitivity = await measure({ options, config, run, network, calibration, candidates, fingerprint, places, lock }, { report, signal });
    return { config, run, network, candidates, sensitivity, file, reused: false };
  } finally {
    await lock.release();
  }
}

interface Measurement extends Pick<Measured, "config" | "run" | "network" | "candidates"> {
  readonly places: MeasurementPlaces;
  readonly options: ConfiguredMeasurement;
  readonly calibration: Dataset;
  readonly fingerprint: string;
  readonly lock: RunLock;
}

/** Measures what is missing, by the process that holds the lock. */
async function measure(
  { options, config, run, network, calibration, candidates, fingerprint, places, lock }: Measurement,
  { report, signal }: JobContext,
): Promise<Sensitivity> {
  const { runtime, configFile, part } = options;
  const { file } = places;
  const basis = { fingerprint, candidates };
  const samples = wholeBatches(Math.min(measuredSamples, calibration.count), network.shapes.fixedBatch ?? 1);
  const store = new CacheStore(options.cacheBytes ?? defaultCacheBytes, resultsFolder(configFile));
  const inputs = store.create(samples, calibration.dims);
  for (let start = 0; start < samples; start += 64) inputs.write(start, await calibration.read(start, Math.min(64, samples - start)));
  const changes = await openChanges(places, basis);
  // Read only now: another process may have gone on with it meanwhile.
  const own = options.fresh ? undefined : await readMeasurement(file, basis);
  const begun = part || options.fresh ? own : await withParts(own, configFile, basis, changes);
  const sensitivity = await measureSensitivity({
    runtime,
    network,
    model: config.model,
    fingerprint,
    candidates,
    changes,
    steps: roundingSteps,
    seed: run.seed,
    inputs: new Map([[primaryInput(network).name, inputs]]),
    samples,
    store,
    begun,
    only: part && ((unit) => unit % part.count === part.index),
    save: async (state) => {
      lock.requireHeld();
      await writeFileAtomic(file, sensitivityText(state));
    },
    report,
    signal,
  });
  if (part) return sensitivity;
  await changes.remove();
  await removeParts(configFile);
  return sensitivity;
}

/** Readable JSON, with the many crossings one a line. */
function sensitivityText({ crossings, ...rest }: Sensitivity): string {
  const lines = crossings.map((crossing) => `    ${JSON.stringify(crossing)}`).join(",\n");
  const text = JSON.stringify({ ...rest, crossings: [] }, undefined, 2);
  // The last brackets: names of layers may hold anything.
  return crossings.length === 0 ? `${text}\n` : `${text.slice(0, text.lastIndexOf("]"))}\n${lines}\n  ]\n}\n`;
}

/** What the figures depend on, apart from the candidates, which the file names. */
async function fingerprintOf(model: string, config: Config, run: RunConfig, calibration: Dataset): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(model)) hash.update(chunk as Uint8Array);
  const settings = { measuredSamples, roundingSteps, measureName, seed: run.seed };
  hash.update(JSON.stringify({ settings, input: config.input, names: calibration.names, version: brecqVersion }));
  return hash.digest("hex");
}

function wholeBatches(samples: number, batch: number): number {
  return Math.max(batch, samples - (samples % batch));
}
