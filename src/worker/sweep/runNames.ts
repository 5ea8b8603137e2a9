/** @file Names of a sweep's runs: made from their settings alone, so that a run keeps its name, and its results, when the sweep grows. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type RunConfig, runSchema } from "../../config/schema.ts";

const defaults = runSchema.parse({});

/** "w2a4-brecq-stage-steps500-1005": bits, method, whatever else is not the default, seed. */
export function runNameOf(run: RunConfig): string {
  const { weights, activations, method, seed } = run;
  // By the schema and not by the defaults, which lack what is optional.
  const others = (Object.keys(runSchema.shape) as (keyof RunConfig)[])
    .filter((key) => !["weights", "activations", "method", "search", "seed"].includes(key) && !isDeepStrictEqual(run[key], defaults[key]))
    .map((key) => partOf(key, run[key]));
  const parts = [
    `w${weights}${activations === "fp32" ? "" : `a${activations}`}`,
    method,
    ...others,
    ...(run.search ? [searchPart(run.search)] : []),
    String(seed),
  ];
  return parts.join("-").toLowerCase();
}

function partOf(key: keyof RunConfig, value: unknown): string {
  if (key === "granularity" || key === "loss" || key === "export") return String(value);
  if (typeof value !== "object") return `${key}${value}`;
  return `${key}${shortHash(value)}`;
}

/** The limit in words where it is a plain one. */
function searchPart(search: NonNullable<RunConfig["search"]>): string {
  const { size, bops, latency } = search.limit;
  const limit = size?.replaceAll(/[^\w.]/g, "") ?? (bops === undefined ? `${latency}ms` : `${bops}bops`);
  return `search${limit}-${shortHash(search)}`;
}

function shortHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 6);
}
