/** @file Which layers in a row make a block together. */
import { commonScope } from "../layerNames.ts";
import type { Layer } from "../layers.ts";
import { type Assembly, hasRegion } from "./attach.ts";
import type { Cluster } from "./clusters.ts";

const longestChain = 3;
const largestJoin = 8;

/** What the steps here know besides. */
export interface ChainFacts {
  /** The layers of an item, a region's included. */
  layersOf(item: number): readonly Layer[];
  /** Layer items with an activation behind. */
  readonly activated: ReadonlySet<number>;
}

/** Gives a layer that only feeds branches to the region that joins them: the squeeze layer of a fire module. */
export function joinSqueezeLayers(assembly: Assembly, facts: ChainFacts): void {
  for (const cluster of assembly.clusters.all()) {
    const region = assembly.clusters.soleReader(cluster);
    if (!isLone(assembly, cluster) || !region || !isConcatenation(assembly, region)) continue;
    const squeeze = soleLayer(assembly, facts, cluster);
    const first = layersOfCluster(facts, region)[0]!;
    if (squeeze && countLayers(facts, region) < largestJoin && belongsAhead(assembly, facts, cluster, squeeze, first)) {
      assembly.clusters.joinToReader(cluster, region);
    }
  }
}

/** Whether the layer is one with the region behind, and not with a row of layers before. */
function belongsAhead(assembly: Assembly, facts: ChainFacts, cluster: Cluster, squeeze: Layer, first: Layer): boolean {
  const [before, ...others] = assembly.clusters.sources(cluster);
  if (!before || others.length > 0) return true;
  const last = layersOfCluster(facts, before).at(-1);
  const inRow = isLone(assembly, before) && assembly.clusters.soleReader(before) === cluster;
  if (!last || !inRow) return true;
  return commonScope(squeeze.name, first.name).length > commonScope(last.name, squeeze.name).length;
}

/** Gives the pointwise convolution that mixes a concatenation's channels to the region that ends with the concatenation. */
export function joinFusingLayers(assembly: Assembly, facts: ChainFacts): void {
  for (const region of assembly.clusters.all()) {
    if (!isConcatenation(assembly, region)) continue;
    const cluster = assembly.clusters.soleReader(region);
    if (!cluster || !isLone(assembly, cluster) || assembly.clusters.sources(cluster).length > 1) continue;
    const fusing = soleLayer(assembly, facts, cluster);
    const last = layersOfCluster(facts, region).at(-1)!;
    if (fusing && isPointwise(fusing) && shareModule(last.name, fusing.name)) assembly.clusters.joinToReader(region, cluster);
  }
}

/** Names without scopes tell nothing against it. */
function shareModule(a: string, b: string): boolean {
  return commonScope(a, b) !== "" || !(hasScope(a) && hasScope(b));
}

function hasScope(name: string): boolean {
  return /[./]/.test(name);
}

/** Puts up to three layers in a row into one block. */
export function joinChains(assembly: Assembly, facts: ChainFacts): void {
  const { clusters } = assembly;
  const done = new Set<number>();
  for (const start of clusters.all()) {
    if (done.has(start.tail)) continue;
    const row = rowFrom(assembly, facts, start);
    let joined = start;
    for (const next of row.slice(1)) {
      done.add(next.tail);
      clusters.joinToReader(joined, next);
      joined = clusters.of(next.tail);
    }
  }
}

/** The clusters of a chain that begins with `start`. */
function rowFrom(assembly: Assembly, facts: ChainFacts, start: Cluster): Cluster[] {
  const row = [start];
  while (row.length < longestChain) {
    const next = nextInRow(assembly, row.at(-1)!);
    if (!next || !continues(assembly, facts, row, next)) break;
    row.push(next);
  }
  return row;
}

function nextInRow(assembly: Assembly, cluster: Cluster): Cluster | undefined {
  const { clusters } = assembly;
  const next = isLone(assembly, cluster) ? clusters.soleReader(cluster) : undefined;
  return next && isLone(assembly, next) && clusters.sources(next).length === 1 ? next : undefined;
}

/**
 * A chain ends behind a layer without activation (a linear bottleneck), but for a depthwise one, whose pointwise layer belongs to it;
 * before a second depthwise layer; and where the layers' module changes.
 */
function continues(assembly: Assembly, facts: ChainFacts, row: readonly Cluster[], next: Cluster): boolean {
  const layers = row.map((cluster) => mainLayer(assembly, facts, cluster));
  const last = layers.at(-1)!;
  const layer = mainLayer(assembly, facts, next);
  const lastItem = row.at(-1)!.items.find((item) => assembly.items[item]!.kind === "layer")!;
  if (!facts.activated.has(lastItem) && !isDepthwise(last)) return false;
  if (isDepthwise(layer) && layers.some(isDepthwise)) return false;
  const shared = commonScope(last.name, layer.name).length;
  const before = layers.at(-2);
  const after = layerAfter(assembly, facts, next);
  const sharedBefore = before ? commonScope(before.name, last.name).length : 0;
  const sharedAfter = after ? commonScope(layer.name, after.name).length : 0;
  return shared >= Math.max(sharedBefore, sharedAfter);
}

/** The first layer of what alone reads the cluster. */
function layerAfter(assembly: Assembly, facts: ChainFacts, cluster: Cluster): Layer | undefined {
  const reader = assembly.clusters.soleReader(cluster);
  return reader && layersOfCluster(facts, reader)[0];
}

/** Whether the cluster is one layer, with what was attached to it, that may be put together with others. */
function isLone(assembly: Assembly, cluster: Cluster): boolean {
  const layers = cluster.items.filter((item) => assembly.items[item]!.kind === "layer");
  return layers.length === 1 && !hasRegion(assembly, cluster) && !assembly.isEnd(layers[0]!);
}

/** Whether the cluster is a region that ends with a concatenation, perhaps with what rearranges its channels. */
function isConcatenation(assembly: Assembly, cluster: Cluster): boolean {
  const region = cluster.items.map((item) => assembly.items[item]!).find(({ kind }) => kind === "join");
  return region !== undefined && assembly.nodesOf(region).at(-1)!.opType === "Concat";
}

function mainLayer(assembly: Assembly, facts: ChainFacts, cluster: Cluster): Layer {
  return facts.layersOf(cluster.items.find((item) => assembly.items[item]!.kind === "layer")!)[0]!;
}

/** The cluster's layer, where gates add none. */
function soleLayer(assembly: Assembly, facts: ChainFacts, cluster: Cluster): Layer | undefined {
  return countLayers(facts, cluster) === 1 ? mainLayer(assembly, facts, cluster) : undefined;
}

function layersOfCluster(facts: ChainFacts, cluster: Cluster): Layer[] {
  return [...cluster.items].sort((a, b) => a - b).flatMap((item) => facts.layersOf(item));
}

function countLayers(facts: ChainFacts, cluster: Cluster): number {
  return cluster.items.reduce((sum, item) => sum + facts.layersOf(item).length, 0);
}

function isDepthwise({ op, shape, node }: Layer): boolean {
  const groups = Number(node.attribute.find(({ name }) => name === "group")?.i ?? 1n);
  return op === "Conv" && groups > 1 && shape[1] === 1;
}

function isPointwise({ op, shape }: Layer): boolean {
  return op === "Conv" && shape.slice(2).every((dim) => dim === 1);
}
