/** @file An estimate of the time left of work that is cut in unequal pieces. */
export class TimeLeft {
  readonly #amounts: readonly number[];
  readonly #begin = performance.now();
  #done = 0;

  /** @param amounts expected work of each piece, in any one unit */
  constructor(amounts: readonly number[]) {
    this.#amounts = amounts;
  }

  /** Seconds left when `share` (0..1) of piece `index` is done; undefined before anything is. */
  at(index: number, share: number): number | undefined {
    const done = this.#done + this.#amounts[index]! * share;
    const total = this.#amounts.reduce((sum, amount) => sum + amount, 0);
    if (done <= 0) return undefined;
    return (((performance.now() - this.#begin) / 1000) * (total - done)) / done;
  }

  finish(index: number): void {
    this.#done += this.#amounts[index]!;
  }
}
