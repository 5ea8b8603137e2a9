/** @file From sensitivities and a run's settings to the bits of every layer. */
import type { Bits, RunConfig } from "../../config/schema.ts";
import type { Front, SearchCosts, SearchResult } from "../../config/searchResult.ts";
import type { Sensitivity } from "../../config/sensitivity.ts";
import { UserError } from "../errors.ts";
import type { Network } from "../graph/prepare.ts";
import { type BitPlan, overriddenLayers, planBits } from "../quantizers/bitPlan.ts";
import { geneticSearch } from "./geneticSearch.ts";
import { type LatencyModel, layerCosts } from "./layerCosts.ts";
import { type Assignment, type CostKind, type Costs, costKinds, Evaluator, type PairTerm, type SearchLayer, type SearchProblem } from "./problem.ts";

export interface SearchOptions {
  readonly network: Network;
  readonly sensitivity: Sensitivity;
  /** Seed, bits of activations, and the layers that stay as they are. */
  readonly run: RunConfig;
  readonly candidates: readonly number[];
  readonly limits: Costs;
  readonly latency?: LatencyModel | undefined;
}

/**
 * Searches the bits with the least predicted loss under the limits.
 * @throws UserError where no choice of bits keeps them: it says the least possible
 */
export function searchBits(options: SearchOptions): SearchResult {
  const begin = performance.now();
  const plan = searchPlan(options);
  const problem = { ...plan.problem, limits: options.limits };
  const evaluator = new Evaluator(problem);
  requirePossible(evaluator, options);
  const found = geneticSearch(problem, options.run.seed);
  if (!found) throw new UserError("No choice of bits was found that keeps all limits at once.", { hint: "Raise one of them." });
  return {
    bits: plan.bitsOf(found),
    fixed: plan.fixed,
    candidates: [...options.candidates],
    predictedLoss: evaluator.loss(found),
    measure: options.sensitivity.measure,
    costs: costsOf(evaluator, found, options),
    limits: { ...options.limits },
    seed: options.run.seed,
    seconds: (performance.now() - begin) / 1000,
  };
}

/**
 * The least predicted loss under a rising limit of one cost: `steps` limits from the least possible cost to that of the most bits.
 * Points that cost more without losing less are left out. The other limits hold too.
 */
export function paretoFront(options: SearchOptions, cost: CostKind, steps: number): Front {
  const plan = searchPlan(options);
  const evaluator = new Evaluator({ ...plan.problem, limits: {} });
  const [least, most] = [evaluator.leastCost(cost), evaluator.mostCost(cost)];
  const points: Front["points"] = [];
  for (let step = 0; step < steps; step++) {
    const limit = least + ((most - least) * step) / Math.max(1, steps - 1);
    const found = geneticSearch({ ...plan.problem, limits: { ...options.limits, [cost]: limit } }, options.run.seed);
    if (!found) continue;
    const point = { bits: plan.bitsOf(found), predictedLoss: evaluator.loss(found), costs: costsOf(evaluator, found, options) };
    if (point.predictedLoss < (points.at(-1)?.predictedLoss ?? Number.POSITIVE_INFINITY)) points.push(point);
  }
  return { cost, points };
}

interface SearchPlan {
  readonly problem: SearchProblem;
  readonly fixed: string[];
  readonly bitsOf: (assignment: Assignment) => Record<string, Bits>;
}

function searchPlan({ network, sensitivity, run, candidates, latency }: SearchOptions): SearchPlan {
  const bits = planBits(network, run);
  const isFixed = fixedLayers(network, run, bits);
  const losses = new Map(sensitivity.layers.map((entry) => [entry.layer, entry.losses]));
  const rising = [...new Set(candidates)].sort((a, b) => a - b);
  const layers: SearchLayer[] = [];
  const base: Partial<Record<CostKind, number>> = {};
  for (const layer of network.layers) {
    const own = bits.get(layer.name)!;
    const fixed = isFixed.has(layer.name);
    if (fixed && own.weights === "fp32") {
      for (const [kind, cost] of Object.entries(layerCosts(layer, "fp32", own.activations, latency))) {
        base[kind as CostKind] = (base[kind as CostKind] ?? 0) + cost;
      }
      continue;
    }
    const choices = fixed ? [own.weights as number] : rising;
    layers.push({
      name: layer.name,
      choices: choices.map((choice) => ({
        bits: choice,
        // A fixed layer's loss is the same for all: where it was not measured, it changes no order.
        loss: losses.get(layer.name)?.[choice] ?? (fixed ? 0 : missingLoss(layer.name, choice)),
        costs: layerCosts(layer, choice, own.activations, latency),
      })),
    });
  }
  if (layers.every(({ choices }) => choices.length === 1) && rising.length > 1) {
    throw new UserError("There is no layer to search: all of them are fixed.", { hint: 'Remove entries from the run\'s "layers".' });
  }
  const bitsOf = (assignment: Assignment) => {
    const found = new Map(layers.map(({ name, choices }, i) => [name, choices[assignment[i]!]!.bits]));
    return Object.fromEntries(network.layers.map(({ name }): [string, Bits] => [name, found.get(name) ?? "fp32"]));
  };
  return { problem: { layers, pairs: pairTerms(sensitivity, layers), base, limits: {} }, fixed: [...isFixed], bitsOf };
}

/** The ends of the network, and the layers whose weights the run overrides. */
function fixedLayers(network: Network, run: RunConfig, bits: BitPlan): Set<string> {
  const overridden = overriddenLayers(network, run);
  return new Set([...bits.keys()].filter((name) => network.firstLast.has(name) || overridden.has(name)));
}

function pairTerms({ pairs, crossings }: Sensitivity, layers: readonly SearchLayer[]): PairTerm[] {
  const indexOf = new Map(layers.map(({ name }, i) => [name, i]));
  const place = (layer: string, bits: number): [number, number] | undefined => {
    const index = indexOf.get(layer);
    const choice = index === undefined ? -1 : layers[index]!.choices.findIndex((candidate) => candidate.bits === bits);
    return choice < 0 ? undefined : [index!, choice];
  };
  const inBlocks = pairs.map(({ layers: [a, b], bits: [aBits, bBits], loss }) => [a, aBits, b, bBits, loss] as const);
  return [...inBlocks, ...crossings].flatMap(([a, aBits, b, bBits, loss]) => {
    const [first, second] = [place(a, aBits), place(b, bBits)];
    return first && second ? [{ first, second, loss }] : [];
  });
}

function missingLoss(layer: string, bits: number): never {
  throw new UserError(`The sensitivity of "${layer}" at ${bits} bits was not measured.`, {
    hint: "Measure it: brecq sensitivity CONFIG --candidates with these bits.",
    place: { node: layer },
  });
}

function costsOf(evaluator: Evaluator, assignment: Assignment, { latency }: SearchOptions): SearchCosts {
  const kinds = costKinds.filter((kind) => kind !== "latency" || latency !== undefined);
  return Object.fromEntries(kinds.map((kind) => [kind, evaluator.cost(assignment, kind)]));
}

function requirePossible(evaluator: Evaluator, { limits }: SearchOptions): void {
  for (const kind of costKinds) {
    const limit = limits[kind];
    const least = evaluator.leastCost(kind);
    if (limit === undefined || least <= limit * (1 + 1e-9)) continue;
    throw new UserError(`No choice of bits keeps the ${kind} limit of ${costText(kind, limit)}: the least possible is ${costText(kind, least)}.`, {
      hint: "Raise the limit, allow fewer bits, or free layers that are fixed.",
    });
  }
}

/** A cost as people read it; sizes to the byte, for they are limits. */
export function costText(kind: CostKind, cost: number): string {
  switch (kind) {
    case "size":
      return `${Math.ceil(cost)} B`;
    case "bops":
      return `${cost.toPrecision(4)} bit-operations`;
    case "latency":
      return `${cost.toPrecision(4)} ms`;
  }
}
