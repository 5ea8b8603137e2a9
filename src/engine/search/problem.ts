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
  /** Where each layer's choices begin when all choices of all layers are numbered. */
  readonly offsets: readonly number[];
  readonly #choices: number;
  readonly #alone: Float64Array;
  /** The terms of every two choices, both ways. */
  readonly #terms: Float64Array;
  readonly #limited: readonly CostKind[];
  /** By limited kind: the limit, and the cost of every choice. */
  readonly #limits: readonly { limit: number; costs: Float64Array }[];

  constructor(problem: SearchProblem) {
    this.problem = problem;
    this.#limited = costKinds.filter((kind) => problem.limits[kind] !== undefined);
    let count = 0;
    this.offsets = problem.layers.map(({ choices }) => {
      count += choices.length;
      return count - choices.length;
    });
    this.#choices = count;
    this.#limits = this.#limited.map((kind) => ({
      limit: problem.limits[kind]!,
      costs: Float64Array.from(problem.layers.flatMap(({ choices }) => choices.map(({ costs }) => costs[kind] ?? 0))),
    }));
    this.#alone = Float64Array.from(problem.layers.flatMap(({ choices }) => choices.map(({ loss }) => loss)));
    this.#terms = new Float64Array(count * count);
    for (const { first, second, loss } of problem.pairs) {
      const [a, b] = [this.offsets[first[0]]! + first[1], this.offsets[second[0]]! + second[1]];
      this.#terms[a * count + b]! += loss;
      this.#terms[b * count + a]! += loss;
    }
  }

  /** Predicted loss (BRECQ, section 3.4): the layers' losses and the pairs' terms. */
  loss(assignment: Assignment): number {
    const terms = this.termsWith(assignment);
    // Each pair is seen from both of its layers.
    return this.offsets.reduce((sum, offset, layer) => {
      const choice = offset + assignment[layer]!;
      return sum + this.#alone[choice]! + terms[choice]! / 2;
    }, 0);
  }

  /** For every choice of every layer, the sum of its terms with the assignment's choices. */
  termsWith(assignment: Assignment): Float64Array {
    const sums = new Float64Array(this.#choices);
    this.offsets.forEach((offset, layer) => {
      this.#addTerms(sums, offset + assignment[layer]!, 1);
    });
    return sums;
  }

  /** Brings {@link termsWith} up to date after one layer took another choice. */
  updateTerms(sums: Float64Array, layer: number, from: number, to: number): void {
    this.#addTerms(sums, this.offsets[layer]! + from, -1);
    this.#addTerms(sums, this.offsets[layer]! + to, 1);
  }

  #addTerms(sums: Float64Array, choice: number, sign: number): void {
    const row = choice * this.#choices;
    for (let i = 0; i < sums.length; i++) sums[i]! += sign * this.#terms[row + i]!;
  }

  /** How the loss changes when one layer takes another choice; `sums` are the {@link termsWith} of the assignment. */
  lossChange(assignment: Assignment, sums: Float64Array, layer: number, choice: number): number {
    const [now, next] = [this.offsets[layer]! + assignment[layer]!, this.offsets[layer]! + choice];
    return this.#alone[next]! - this.#alone[now]! + sums[next]! - sums[now]!;
  }

  /** What two changes at once lose beyond the sum of each alone. */
  jointChange(assignment: Assignment, first: number, choice: number, second: number, other: number): number {
    const [a, b] = [this.offsets[first]!, this.offsets[second]!];
    const term = (x: number, y: number) => this.#terms[(a + x) * this.#choices + b + y]!;
    const [x, y] = [assignment[first]!, assignment[second]!];
    return term(choice, other) - term(choice, y) - term(x, other) + term(x, y);
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
    const offset = this.offsets[layer]!;
    return this.#limits.map(({ costs: of }, i) => costs[i]! + of[offset + choice]! - of[offset + assignment[layer]!]!);
  }

  /** By how much costs are above their limits, as shares of the limits, summed; 0 where all are kept. */
  overrun(costs: readonly number[]): number {
    return this.#limits.reduce((sum, { limit }, i) => sum + above(costs[i]! / limit - 1), 0);
  }

  /** The {@link overrun} of {@link costsAfter}. */
  overrunAfter(costs: readonly number[], assignment: Assignment, layer: number, choice: number): number {
    const [now, next] = [this.offsets[layer]! + assignment[layer]!, this.offsets[layer]! + choice];
    let sum = 0;
    for (let i = 0; i < this.#limits.length; i++) {
      const { limit, costs: of } = this.#limits[i]!;
      sum += above((costs[i]! + of[next]! - of[now]!) / limit - 1);
    }
    return sum;
  }
}

/** Sums in another order differ in their last digits: that is nothing above a limit. */
function above(share: number): number {
  return share > 1e-9 ? share : 0;
}
