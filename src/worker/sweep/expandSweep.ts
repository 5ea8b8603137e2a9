/** @file From a sweep file to its runs: models × variants × matrix × seeds, less what is excluded. */
import { isDeepStrictEqual } from "node:util";
import { type RunConfig, runSchema } from "../../config/schema.ts";
import { nearestName } from "../../config/suggestions.ts";
import type { PartialRun, SweepConfig } from "../../config/sweepSchema.ts";
import { UserError } from "../../engine/errors.ts";
import { runNameOf } from "./runNames.ts";

/** A run of a sweep. */
export interface SweepRun {
  readonly model: string;
  /** Unique among the model's runs. */
  readonly name: string;
  readonly settings: RunConfig;
}

/**
 * All runs, seed by seed, so that a first table with every model and setting is there early. Two combinations that give the same
 * settings are one run.
 * @throws UserError where there are more than the sweep allows, or none
 */
export function expandSweep(sweep: SweepConfig, file: string): SweepRun[] {
  const seeds = typeof sweep.seeds === "number" ? Array.from({ length: sweep.seeds }, (_, i) => 1005 + i) : sweep.seeds;
  const variants = Object.entries(sweep.variants ?? { "": {} });
  const combinations = product(sweep.matrix);
  const models = Object.keys(sweep.models);
  const count = seeds.length * variants.length * combinations.length * models.length;
  for (const excluded of sweep.exclude) {
    requireKnown("model", excluded.model, models, file);
    requireKnown("variant", excluded.variant, Object.keys(sweep.variants ?? {}), file);
  }
  // Before they are made: a slip in the matrix must not fill the memory.
  if (count > 50 * sweep.limits.jobs) throw tooMany(count, sweep.limits.jobs, file);
  const runs = new Map<string, SweepRun>();
  for (const seed of seeds) {
    for (const model of models) {
      for (const [variant, variantSettings] of variants) {
        for (const combination of combinations) {
          const settings = runSchema.parse({ ...sweep.settings, ...variantSettings, ...combination, seed });
          if (sweep.exclude.some((excluded) => matches(excluded, { model, variant, settings }))) continue;
          const name = runNameOf(settings);
          if (!runs.has(`${model}/${name}`)) runs.set(`${model}/${name}`, { model, name, settings });
        }
      }
    }
  }
  if (runs.size > sweep.limits.jobs) throw tooMany(runs.size, sweep.limits.jobs, file);
  if (runs.size === 0) throw new UserError("The sweep has no runs: all of its combinations are excluded.", { place: { file } });
  return [...runs.values()];
}

/** A name that is mistyped would exclude nothing. */
function requireKnown(what: string, name: string | undefined, known: readonly string[], file: string): void {
  if (name === undefined || known.includes(name)) return;
  const near = nearestName(name, known);
  throw new UserError(`There is no ${what} "${name}" to exclude.`, { hint: near && `Did you mean "${near}"?`, place: { file } });
}

function tooMany(count: number, limit: number, file: string): UserError {
  return new UserError(`The sweep would be ${count} runs, and its limit is ${limit}.`, {
    hint: 'Shorten the matrix, or raise "limits": { "jobs": … }.',
    place: { file },
  });
}

/** Every combination of one value a setting; the last setting changes fastest. */
function product(matrix: SweepConfig["matrix"]): PartialRun[] {
  return Object.entries(matrix).reduce<PartialRun[]>(
    (combinations, [key, values]) => combinations.flatMap((combination) => (values as unknown[]).map((value) => ({ ...combination, [key]: value }))),
    [{}],
  );
}

function matches(
  excluded: SweepConfig["exclude"][number],
  { model, variant, settings }: { model: string; variant: string; settings: RunConfig },
): boolean {
  const own: Record<string, unknown> = { ...settings, model, variant };
  // Through the schema, so that a search that leaves out its candidates means the default ones here too.
  return Object.entries(excluded).every(([key, value]) => isDeepStrictEqual(own[key], value));
}
