import { describe, expect, it } from "vitest";
import { createRandom, integerBelow, type Random } from "../data/random.ts";
import { geneticSearch } from "./geneticSearch.ts";
import { type Assignment, Evaluator, type PairTerm, type SearchProblem } from "./problem.ts";

/** Losses that fall and sizes that rise with the bits, and some pairs that make up for each other or not. */
function randomProblem(random: Random, count: number, limit: number): SearchProblem {
  const layers = Array.from({ length: count }, (_, i) => {
    const sensitivity = 10 ** (3 * random.next());
    const weights = 100 + integerBelow(random, 5000);
    return {
      name: `layer${i}`,
      choices: [2, 4, 8].map((bits) => ({
        bits,
        loss: sensitivity * 4 ** -bits * (0.5 + random.next()),
        costs: { size: (weights * bits) / 8, bops: weights * bits * (1 + integerBelow(random, 50)) },
      })),
    };
  });
  const pairs = layers.slice(1).flatMap((_, i): PairTerm[] => {
    if (random.next() < 0.5) return [];
    const loss = (random.next() - 0.7) * Math.min(layers[i]!.choices[0]!.loss, layers[i + 1]!.choices[0]!.loss);
    return [{ first: [i, 0], second: [i + 1, 0], loss }];
  });
  const least = layers.reduce((sum, { choices }) => sum + choices[0]!.costs.size, 0);
  return { layers, pairs, base: {}, limits: { size: least * limit } };
}

/** Terms of any two layers at any bits, small beside the layers' own losses. */
function allPairs(random: Random, { layers }: SearchProblem): PairTerm[] {
  return layers.flatMap(({ choices }, i) =>
    layers.slice(i + 1).flatMap((other, k) =>
      choices.flatMap((first, x) =>
        other.choices.map((second, y): PairTerm => {
          return { first: [i, x], second: [i + 1 + k, y], loss: 0.1 * (random.next() - 0.5) * Math.sqrt(first.loss * second.loss) };
        }),
      ),
    ),
  );
}

/** The least loss among all assignments that keep the limits. */
function exhaustive(problem: SearchProblem): { loss: number; genes: Assignment } {
  const evaluator = new Evaluator(problem);
  const count = problem.layers.length;
  let best = { loss: Number.POSITIVE_INFINITY, genes: new Uint8Array(count) };
  for (let code = 0; code < 3 ** count; code++) {
    const genes = Uint8Array.from({ length: count }, (_, i) => Math.floor(code / 3 ** i) % 3);
    if (evaluator.overrun(evaluator.limitedCosts(genes)) > 0) continue;
    const loss = evaluator.loss(genes);
    if (loss < best.loss) best = { loss, genes };
  }
  return best;
}

describe("geneticSearch", () => {
  it("finds the best of all assignments of 9 layers, in 6 random problems", () => {
    const random = createRandom(5);
    for (let i = 0; i < 6; i++) {
      const problem = randomProblem(random, 9, 1.2 + 2 * random.next());
      const found = geneticSearch(problem, i)!;
      expect(new Evaluator(problem).loss(found)).toBeCloseTo(exhaustive(problem).loss, 12);
    }
  });

  it("finds the best under two limits at once", () => {
    const random = createRandom(6);
    for (let i = 0; i < 6; i++) {
      const plain = randomProblem(random, 8, 2);
      const free = new Evaluator({ ...plain, limits: {} });
      const problem = { ...plain, limits: { ...plain.limits, bops: free.leastCost("bops") * 1.8 } };
      const found = geneticSearch(problem, i)!;
      expect(new Evaluator(problem).loss(found)).toBeCloseTo(exhaustive(problem).loss, 12);
    }
  });

  it("gives the same for the same seed, and keeps the limit, with terms for all pairs of 100 layers, in less than 5 s", () => {
    const plain = randomProblem(createRandom(7), 100, 2);
    const problem = { ...plain, pairs: [...plain.pairs, ...allPairs(createRandom(9), plain)] };
    // The processor's time: the machine may be busy with other things.
    const begin = process.cpuUsage();
    const found = geneticSearch(problem, 3)!;
    expect(process.cpuUsage(begin).user / 1000).toBeLessThan(5000);
    expect(geneticSearch(problem, 3)).toEqual(found);
    const evaluator = new Evaluator(problem);
    expect(evaluator.cost(found, "size")).toBeLessThanOrEqual(problem.limits.size!);
    // Nothing that fits could still be raised: the limit is used.
    expect(evaluator.cost(found, "size")).toBeGreaterThan(0.98 * problem.limits.size!);
  });

  it("finds nothing where nothing fits", () => {
    expect(geneticSearch(randomProblem(createRandom(8), 5, 0.9), 1)).toBeUndefined();
  });

  it("counts pair terms: two layers that make up for each other are quantized together", () => {
    const choice = (bits: number, loss: number) => ({ bits, loss, costs: { size: bits } });
    const layers = ["a", "b", "c"].map((name) => ({ name, choices: [choice(2, 10), choice(4, 0)] }));
    const pairs: PairTerm[] = [{ first: [1, 0], second: [2, 0], loss: -6 }];
    expect([...geneticSearch({ layers, pairs, base: {}, limits: { size: 8 } }, 1)!]).toEqual([1, 0, 0]);
  });
});
