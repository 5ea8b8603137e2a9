/** @file The search of bits as numbers: what each choice of each layer loses and costs. */

/** What a limit can be put on. */
export const costKinds = ["size", "bops", "latency"] as const;
export type CostKind = (typeof costKinds)[number];
export type Costs = Readonly<Partial<Record<CostKind, number>>>;

/** One number of bits that a layer may have. */
export interface Choice {
  readonly bits: number;
  /** Loss with only this layer quantized so. */
  readonly loss: number;
  readonly costs: Costs;
}

export interface SearchLayer {
  readonly name: string;
  /** At least one, by rising bits; one alone where the layer's bits are fixed. */
  readonly choices: readonly Choice[];
}

/** Loss of two choices together, less the losses of each alone. */
export interface PairTerm {
  /** Indices of layers, and of their choices. */
  readonly first: readonly [layer: number, choice: number];
  readonly second: readonly [layer: number, choice: number];
  readonly loss: number;
}

export interface SearchProblem {
  readonly layers: readonly SearchLayer[];
  readonly pairs: readonly PairTerm[];
  /** Costs that are there whatever is chosen, such as those of layers in FP32. */
  readonly base: Costs;
  readonly limits: Costs;
}

/** An index of a choice for each layer. */
export type Assignment = Uint8Array;

/** A problem with tables for quick evaluation. */
export class Evaluator {
  readonly problem: SearchProblem;
  /** By layer: the other layer of each pair and the term for each two choices. */
  readonly #partners: { other: number; terms: number[][] }[][];
  readonly #limited: readonly CostKind[];

  constructor(problem: SearchProblem) {
    this.problem = problem;
    this.#limited = costKinds.filter((kind) => problem.limits[kind] !== undefined);
    this.#partners = problem.layers.map(() => []);
    for (const { first, second, loss } of problem.pairs) {
      this.#addTerm(first, second, loss);
      this.#addTerm(second, first, loss);
    }
  }

  #addTerm([layer, choice]: readonly [number, number], [other, otherChoice]: readonly [number, number], loss: number): void {
    let partner = this.#partners[layer]!.find((entry) => entry.other === other);
    if (!partner) {
      const { layers } = this.problem;
      partner = { other, terms: layers[layer]!.choices.map(() => layers[other]!.choices.map(() => 0)) };
      this.#partners[layer]!.push(partner);
    }
    partner.terms[choice]![otherChoice] = loss;
  }

  /** Predicted loss (BRECQ, section 3.4): the layers' losses and the pairs' terms. */
  loss(assignment: Assignment): number {
    let sum = 0;
    this.problem.layers.forEach((layer, i) => {
      sum += layer.choices[assignment[i]!]!.loss;
      for (const { other, terms } of this.#partners[i]!) if (other > i) sum += terms[assignment[i]!]![assignment[other]!]!;
    });
    return sum;
  }

  /** How the loss changes when one layer takes another choice. */
  lossChange(assignment: Assignment, layer: number, choice: number): number {
    const { choices } = this.problem.layers[layer]!;
    const now = assignment[layer]!;
    let change = choices[choice]!.loss - choices[now]!.loss;
    for (const { other, terms } of this.#partners[layer]!) change += terms[choice]![assignment[other]!]! - terms[now]![assignment[other]!]!;
    return change;
  }

  cost(assignment: Assignment, kind: CostKind): number {
    const { layers, base } = this.problem;
    return layers.reduce((sum, { choices }, i) => sum + (choices[assignment[i]!]!.costs[kind] ?? 0), base[kind] ?? 0);
  }

  /** The least cost that any assignment has. */
  leastCost(kind: CostKind): number {
    const { layers, base } = this.problem;
    return layers.reduce((sum, { choices }) => sum + Math.min(...choices.map(({ costs }) => costs[kind] ?? 0)), base[kind] ?? 0);
  }

  /** The greatest cost that any assignment has. */
  mostCost(kind: CostKind): number {
    const { layers, base } = this.problem;
    return layers.reduce((sum, { choices }) => sum + Math.max(...choices.map(({ costs }) => costs[kind] ?? 0)), base[kind] ?? 0);
  }

  /** The costs under a limit, in the order of {@link overrun}'s argument. */
  limitedCosts(assignment: Assignment): number[] {
    return this.#limited.map((kind) => this.cost(assignment, kind));
  }

  /** `costs` after one layer took another choice. */
  costsAfter(costs: readonly number[], assignment: Assignment, layer: number, choice: number): number[] {
    const { choices } = this.problem.layers[layer]!;
    const [now, next] = [choices[assignment[layer]!]!.costs, choices[choice]!.costs];
    return this.#limited.map((kind, i) => costs[i]! + (next[kind] ?? 0) - (now[kind] ?? 0));
  }

  /** By how much costs are above their limits, as shares of the limits, summed; 0 where all are kept. */
  overrun(costs: readonly number[]): number {
    // Sums in another order differ in their last digits: that is no overrun.
    return this.#limited.reduce((sum, kind, i) => sum + above(costs[i]! / this.problem.limits[kind]! - 1), 0);
  }
}

function above(share: number): number {
  return share > 1e-9 ? share : 0;
}
