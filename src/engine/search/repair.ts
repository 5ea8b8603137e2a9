/** @file Bringing an assignment of bits below its limits. */
import type { Assignment, Evaluator } from "./problem.ts";

/**
 * Lowers bits until all limits are kept, each time where the least loss is added for what is saved; undefined where
 * no single change brings the costs further down.
 */
export function repair(evaluator: Evaluator, genes: Assignment): Assignment | undefined {
  const repaired = genes.slice();
  let costs = evaluator.limitedCosts(repaired);
  let overrun = evaluator.overrun(costs);
  if (overrun === 0) return repaired;
  const sums = evaluator.termsWith(repaired);
  while (overrun > 0) {
    const change = cheapestChange(evaluator, repaired, sums, costs, overrun);
    if (!change) return undefined;
    costs = evaluator.costsAfter(costs, repaired, change.layer, change.choice);
    evaluator.updateTerms(sums, change.layer, repaired[change.layer]!, change.choice);
    repaired[change.layer] = change.choice;
    overrun = evaluator.overrun(costs);
  }
  return repaired;
}

function cheapestChange(evaluator: Evaluator, genes: Assignment, sums: Float64Array, costs: readonly number[], overrun: number) {
  let best: { layer: number; choice: number; price: number } | undefined;
  evaluator.problem.layers.forEach(({ choices }, layer) => {
    for (let choice = 0; choice < choices.length; choice++) {
      if (choice === genes[layer]) continue;
      const saved = overrun - evaluator.overrunAfter(costs, genes, layer, choice);
      if (saved <= 0) continue;
      const price = evaluator.lossChange(genes, sums, layer, choice) / saved;
      if (!best || price < best.price) best = { layer, choice, price };
    }
  });
  return best;
}
