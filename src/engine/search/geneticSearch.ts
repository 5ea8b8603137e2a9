/** @file Genetic search of bits under limits (BRECQ, section 3.4 and algorithm 2), with repair and a last local search. */
import { createRandom, integerBelow, type Random } from "../data/random.ts";
import { improve } from "./localSearch.ts";
import { type Assignment, Evaluator, type SearchProblem } from "./problem.ts";
import { repair } from "./repair.ts";

/** The paper's settings. */
export const geneticDefaults = { population: 50, generations: 100, mutation: 0.1 } as const;

/** Share of the population that the next generation comes from. */
const parentShare = 0.5;

interface Individual {
  readonly genes: Assignment;
  readonly loss: number;
}

/**
 * The assignment with the least predicted loss that keeps all limits; undefined where none was found. The same seed finds the same.
 * Each generation keeps the better half and adds crossings and mutations of it; what goes over a limit is repaired.
 */
export function geneticSearch(problem: SearchProblem, seed: number): Assignment | undefined {
  const evaluator = new Evaluator(problem);
  const random = createRandom(seed);
  const { population, generations, mutation } = geneticDefaults;
  const counts = problem.layers.map(({ choices }) => choices.length);
  let people = fittest([...uniformStarts(counts), ...randomStarts(counts, population, random)], []);
  for (let generation = 0; generation < generations && people.length > 0; generation++) {
    const parents = people.slice(0, Math.ceil(population * parentShare));
    const children = Array.from({ length: population }, (_, i) =>
      i % 2 === 0 ? crossed(pick(parents, random), pick(parents, random), random) : mutated(pick(parents, random), counts, mutation, random),
    );
    people = fittest(children, parents);
  }
  const [best] = people;
  return best && improve(evaluator, best.genes);

  /** The best of new assignments, repaired, and of those that are there; each once. */
  function fittest(genes: readonly Assignment[], present: readonly Individual[]): Individual[] {
    const all = new Map(present.map((individual) => [individual.genes.join(), individual]));
    for (const candidate of genes) {
      const repaired = repair(evaluator, candidate);
      if (repaired && !all.has(repaired.join())) all.set(repaired.join(), { genes: repaired, loss: evaluator.loss(repaired) });
    }
    return [...all.values()].sort((a, b) => a.loss - b.loss).slice(0, population);
  }
}

/** Every layer at its fewest bits, at the next, and so on. */
function uniformStarts(counts: readonly number[]): Assignment[] {
  return Array.from({ length: Math.max(...counts) }, (_, choice) => Uint8Array.from(counts, (count) => Math.min(choice, count - 1)));
}

function randomStarts(counts: readonly number[], population: number, random: Random): Assignment[] {
  return Array.from({ length: population }, () => Uint8Array.from(counts, (count) => integerBelow(random, count)));
}

function pick(parents: readonly Individual[], random: Random): Assignment {
  return parents[integerBelow(random, parents.length)]!.genes;
}

/** Each gene from either parent. */
function crossed(a: Assignment, b: Assignment, random: Random): Assignment {
  return a.map((gene, i) => (random.next() < 0.5 ? gene : b[i]!));
}

function mutated(genes: Assignment, counts: readonly number[], rate: number, random: Random): Assignment {
  return genes.map((gene, i) => (random.next() < rate ? integerBelow(random, counts[i]!) : gene));
}
