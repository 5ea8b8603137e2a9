interface Holder {
  readonly memoryBytes: number;
}

/**
 * Of jobs in the order in which they began, the one to stop where together they hold more than the limit. The youngest has the least to lose,
 * and what it has finished lies in its checkpoint. One that is alone goes on.
 */
export function overMemory<T extends Holder>(jobs: readonly T[], limitBytes: number): T | undefined {
  const total = jobs.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return jobs.length < 2 || total <= limitBytes ? undefined : jobs.at(-1);
}
