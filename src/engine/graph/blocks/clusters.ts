/** @file Items put together into blocks, step by step. */
import type { Item } from "./items.ts";

/** Items that go into one block. Others read only its tail. */
export interface Cluster {
  readonly items: number[];
  /** The item that makes what others read. */
  tail: number;
}

/**
 * A partition of the items that only grows coarser, and only by joining a cluster to the one that alone reads it. So no two clusters
 * ever come to depend on each other, and blocks can run one after another.
 */
export class Clusters {
  readonly #items: readonly Item[];
  readonly #clusterOf: Cluster[];

  constructor(items: readonly Item[]) {
    this.#items = items;
    this.#clusterOf = items.map((_, i) => ({ items: [i], tail: i }));
  }

  of(item: number): Cluster {
    return this.#clusterOf[item]!;
  }

  /** All clusters, in the order of their tails. */
  all(): Cluster[] {
    return this.#clusterOf.filter((cluster, i) => cluster.tail === i);
  }

  /** The cluster that alone reads this one; undefined where there are several, none, or the network's output is read here. */
  soleReader(cluster: Cluster): Cluster | undefined {
    const { succs, isOutput } = this.#items[cluster.tail]!;
    const [reader, ...others] = new Set(succs.map((succ) => this.of(succ)));
    return isOutput || others.length > 0 ? undefined : reader;
  }

  /** The clusters that this one reads. */
  sources(cluster: Cluster): Cluster[] {
    const sources = new Set(cluster.items.flatMap((item) => this.#items[item]!.preds.map((pred) => this.of(pred))));
    sources.delete(cluster);
    return [...sources];
  }

  /** Joins a cluster to its sole reader. */
  joinToReader(cluster: Cluster, reader: Cluster): void {
    if (this.soleReader(cluster) !== reader) throw new Error("internal: a cluster that others read too cannot be joined to one of them");
    const [small, large] = cluster.items.length < reader.items.length ? [cluster, reader] : [reader, cluster];
    const { tail } = reader;
    large.items.push(...small.items);
    large.tail = tail;
    for (const item of small.items) this.#clusterOf[item] = large;
  }
}
