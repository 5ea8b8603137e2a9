/** @file The search of a run's bits, with the sensitivities that it needs. */
import { dirname, resolve } from "node:path";
import { parseByteSize } from "../config/byteSize.ts";
import { frontFile } from "../config/resultPaths.ts";
import type { RunConfig } from "../config/schema.ts";
import type { Front, SearchResult, StoredFront } from "../config/searchResult.ts";
import { UserError } from "../engine/errors.ts";
import { writeFileAtomic } from "../engine/files.ts";
import { latencyModel } from "../engine/search/latency.ts";
import type { CostKind, Costs } from "../engine/search/problem.ts";
import { paretoFront, searchBits } from "../engine/search/searchBits.ts";
import { makeFolder } from "./folders.ts";
import type { JobContext } from "./jobs.ts";
import { readLatencyTable } from "./latencyTables.ts";
import { type ConfiguredMeasurement, type Measured, measureConfigured } from "./measureConfigured.ts";

export type SearchLimit = NonNullable<RunConfig["search"]>["limit"];

/** Limits of a Pareto front. */
const frontSteps = 24;

export interface ConfiguredSearch extends ConfiguredMeasurement {
  /** The run's own where undefined. */
  readonly limit?: SearchLimit | undefined;
  /** Also the front of this cost against the predicted loss. */
  readonly front?: CostKind | undefined;
}

export interface Searched {
  readonly search: SearchResult;
  readonly front?: Front | undefined;
  readonly measured: Measured;
}

/** Searches bits under limits; measures the sensitivities first where the file does not hold them. */
export async function searchConfigured(options: ConfiguredSearch, context: JobContext): Promise<Searched> {
  const measured = await measureConfigured(options, context);
  const { network, sensitivity, run, candidates } = measured;
  const limit = options.limit ?? run.search?.limit ?? {};
  const limits = parseLimits(limit, options.configFile);
  context.report({ type: "phase", phase: "search", message: "Searching bits" });
  const table = limit.table === undefined ? undefined : await readLatencyTable(limit.table, dirname(resolve(options.configFile)));
  const problem = { network, sensitivity, run, candidates, limits, latency: table && latencyModel(network, table) };
  const search = searchBits(problem);
  const front = options.front && paretoFront(problem, options.front, frontSteps);
  if (front) await storeFront(options, { run: options.run, search, front });
  return { search, front, measured };
}

/** The front is kept for the compare view. */
async function storeFront({ configFile, run }: ConfiguredSearch, stored: StoredFront): Promise<void> {
  const file = frontFile(configFile, run);
  await makeFolder(dirname(file));
  await writeFileAtomic(file, `${JSON.stringify(stored, undefined, 2)}\n`);
}

/** The cost that a run's search limits first. */
export function limitedCost({ size, bops }: SearchLimit): CostKind {
  return size !== undefined ? "size" : bops !== undefined ? "bops" : "latency";
}

/** A run with its searched bits as those of its layers. */
export function withSearchedBits(run: RunConfig, { search, measured }: Searched): RunConfig {
  const layers = { ...run.layers };
  for (const { name, aliases } of measured.network.layers) {
    if (search.fixed.includes(name)) continue;
    const key = [name, ...aliases].find((known) => Object.hasOwn(run.layers, known)) ?? name;
    layers[key] = { ...run.layers[key], weights: search.bits[name]! };
  }
  return { ...run, search: undefined, layers };
}

function parseLimits({ size, bops, latency, table }: SearchLimit, file: string): Costs {
  const bytes = size === undefined ? undefined : parseByteSize(size);
  if (size !== undefined && bytes === undefined) {
    throw new UserError(`The size limit "${size}" is no size.`, { hint: 'Write it like "0.5 MB" or "300 kB".', place: { file } });
  }
  if (bytes === undefined && bops === undefined && latency === undefined) {
    throw new UserError("The search has no limit: without one every layer would take the most bits.", {
      hint: "Set a limit of size, bops or latency.",
      place: { file },
    });
  }
  if (latency !== undefined && table === undefined) {
    throw new UserError("A latency limit needs a table of latencies.", { hint: 'Name its file, or the preset "roofline".', place: { file } });
  }
  return { ...(bytes !== undefined && { size: bytes }), ...(bops !== undefined && { bops }), ...(latency !== undefined && { latency }) };
}
