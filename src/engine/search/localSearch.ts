/** @file The last improvement of an assignment of bits: better choices of one layer, or of two at once. */
import type { Assignment, Evaluator } from "./problem.ts";

interface Move {
  readonly changes: readonly (readonly [layer: number, choice: number])[];
  readonly gain: number;
}

/** Differences below this share of the loss are rounding. */
const smallest = 1e-12;

/** Makes the best change of one layer or two that keeps the limits, as long as there is one. Expects an assignment that keeps them. */
export function improve(evaluator: Evaluator, genes: Assignment): Assignment {
  const improved = genes.slice();
  for (;;) {
    const move = bestMove(evaluator, improved);
    if (!move) return improved;
    for (const [layer, choice] of move.changes) improved[layer] = choice;
  }
}

function bestMove(evaluator: Evaluator, genes: Assignment): Move | undefined {
  const { layers } = evaluator.problem;
  const costs = evaluator.limitedCosts(genes);
  const threshold = -smallest * Math.abs(evaluator.loss(genes));
  const sums = evaluator.termsWith(genes);
  let best: Move | undefined;
  const consider = (gain: number, after: readonly number[], changes: Move["changes"]) => {
    if (gain < (best?.gain ?? threshold) && evaluator.overrun(after) === 0) best = { gain, changes };
  };
  for (const [first, { choices }] of layers.entries()) {
    for (let choice = 0; choice < choices.length; choice++) {
      if (choice === genes[first]) continue;
      const gain = evaluator.lossChange(genes, sums, first, choice);
      const after = evaluator.costsAfter(costs, genes, first, choice);
      consider(gain, after, [[first, choice]]);
      for (let second = first + 1; second < layers.length; second++) {
        for (let other = 0; other < layers[second]!.choices.length; other++) {
          if (other === genes[second]) continue;
          const both = gain + evaluator.lossChange(genes, sums, second, other) + evaluator.jointChange(genes, first, choice, second, other);
          if (both < (best?.gain ?? threshold)) {
            consider(both, evaluator.costsAfter(after, genes, second, other), [
              [first, choice],
              [second, other],
            ]);
          }
        }
      }
    }
  }
  return best;
}
