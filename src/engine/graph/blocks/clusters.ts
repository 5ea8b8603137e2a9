/** @file Items put together into blocks, step by step. */
import type { Item } from "./items.ts";

/** Items that go into one block. Others read only its tail. */
export interface Cluster {
  readonly items: readonly number[];
  readonly kinds: ReadonlySet<Item["kind"]>;
  /** The items that are single layers, in the order in which they run. */
  readonly layers: readonly number[];
  /** The item that makes what others read. */
  readonly tail: number;
}

interface GrowingCluster extends Cluster {
  items: number[];
  kinds: Set<Item["kind"]>;
  layers: number[];
  tail: number;
}

/**
 * A partition of the items that only grows coarser, and only by joining a cluster to the one that alone reads it. So no two clusters
 * ever come to depend on each other, and blocks can run one after another.
 */
export class Clusters {
  readonly #items: readonly Item[];
  readonly #clusterOf: GrowingCluster[];

  constructor(items: readonly Item[]) {
    this.#items = items;
    this.#clusterOf = items.map(({ kind }, i) => ({ items: [i], kinds: new Set([kind]), layers: kind === "layer" ? [i] : [], tail: i }));
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
    const first = succs[0];
    if (isOutput || first === undefined) return undefined;
    const reader = this.of(first);
    return succs.every((succ) => this.of(succ) === reader) ? reader : undefined;
  }

  /** The clusters that this one reads. */
  sources(cluster: Cluster): Cluster[] {
    const sources = new Set(cluster.items.flatMap((item) => this.#items[item]!.preds.map((pred) => this.of(pred))));
    sources.delete(cluster);
    return [...sources];
  }

  /** Joins a cluster to its sole reader, and gives the two together. */
  joinToReader(cluster: Cluster, reader: Cluster): Cluster {
    if (this.soleReader(cluster) !== reader) throw new Error("internal: a cluster that others read too cannot be joined to one of them");
    const [small, large] = [this.#clusterOf[cluster.tail]!, this.#clusterOf[reader.tail]!].sort((a, b) => a.items.length - b.items.length);
    const together = large!;
    together.tail = reader.tail;
    together.layers = [...cluster.layers, ...reader.layers];
    together.items.push(...small!.items);
    for (const kind of small!.kinds) together.kinds.add(kind);
    for (const item of small!.items) this.#clusterOf[item] = together;
    return together;
  }
}
