/** @file Which layers in a row make a block together. */
import { intAttribute } from "../attributes.ts";
import { commonScope, scopeOf } from "../layerNames.ts";
import type { Layer } from "../layers.ts";
import { type Assembly, type Followers, hasEnd, hasRegion } from "./attach.ts";
import type { Cluster } from "./clusters.ts";
import { isDifferentiable } from "./operators.ts";

const longestChain = 3;

/** What the steps here know besides. */
export interface ChainFacts extends Assembly {
  readonly followers: Followers;
  /** The layers of an item, a region's included. */
  layersOf(item: number): readonly Layer[];
}

/** Gives a layer that only feeds branches to the region that joins them: the squeeze layer of a fire module. */
export function joinSqueezeLayers(facts: ChainFacts): void {
  const { clusters } = facts;
  for (const cluster of clusters.all()) {
    const region = clusters.soleReader(cluster);
    const squeeze = soleLayer(facts, cluster);
    if (!squeeze || !region?.kinds.has("join") || !passesGradients(facts, region)) continue;
    if (belongsAhead(facts, cluster, squeeze, region)) clusters.joinToReader(cluster, region);
  }
}

/** Whether the layer belongs to the region behind, not to a row of layers before. */
function belongsAhead(facts: ChainFacts, cluster: Cluster, squeeze: Layer, region: Cluster): boolean {
  const [before, ...others] = facts.clusters.sources(cluster);
  if (!before || others.length > 0 || !isLone(facts, before) || facts.clusters.soleReader(before) !== cluster) return true;
  return commonScope(squeeze.name, firstLayer(facts, region)!.name).length > commonScope(mainLayer(facts, before).name, squeeze.name).length;
}

/** Gives the pointwise convolution that mixes a concatenation's channels to the region that ends with the concatenation. */
export function joinFusingLayers(facts: ChainFacts): void {
  const { clusters } = facts;
  for (const region of clusters.all()) {
    const cluster = endsWithConcat(facts, region) ? clusters.soleReader(region) : undefined;
    const fusing = cluster && soleLayer(facts, cluster);
    if (!fusing || clusters.sources(cluster).length > 1 || !isPointwise(fusing) || !passesGradients(facts, cluster)) continue;
    if (shareModule(firstLayer(facts, region)!.name, fusing.name)) clusters.joinToReader(region, cluster);
  }
}

/** Whether the cluster is a region that ends with a concatenation, with no layer behind. */
function endsWithConcat({ nodesOf, items }: ChainFacts, cluster: Cluster): boolean {
  const region = cluster.items.find((item) => items[item]!.kind === "join");
  return region !== undefined && nodesOf(region).at(-1)!.opType === "Concat" && cluster.layers.every((layer) => layer < region);
}

/** Whether two layers may be of one module; names without scopes tell nothing against it. */
function shareModule(a: string, b: string): boolean {
  return commonScope(a, b) !== "" || scopeOf(a) === "" || scopeOf(b) === "";
}

/** Puts up to three layers in a row into one block. */
export function joinChains(facts: ChainFacts): void {
  for (const start of facts.clusters.all()) {
    const isStart = facts.clusters.of(start.tail) === start && isLone(facts, start);
    if (!isStart) continue;
    rowFrom(facts, start).reduce((joined, next) => facts.clusters.joinToReader(joined, next));
  }
}

/** The clusters of a chain that begins with `start`. */
function rowFrom(facts: ChainFacts, start: Cluster): Cluster[] {
  const row = [start];
  while (row.length < longestChain) {
    const next = facts.clusters.soleReader(row.at(-1)!);
    if (!next || !isLone(facts, next) || facts.clusters.sources(next).length > 1 || !passesGradients(facts, next)) break;
    if (!continues(facts, row, next)) break;
    row.push(next);
  }
  return row;
}

/**
 * A chain ends behind a layer without activation (a linear bottleneck), but for a depthwise one, whose pointwise layer belongs to it;
 * behind a sum; before a second depthwise layer; and where the layers' module changes.
 */
function continues(facts: ChainFacts, row: readonly Cluster[], next: Cluster): boolean {
  const layers = row.map((cluster) => mainLayer(facts, cluster));
  const last = layers.at(-1)!;
  const layer = mainLayer(facts, next);
  const lastItem = row.at(-1)!.layers[0]!;
  const { activated, summed } = facts.followers;
  if (summed.has(lastItem) || !(activated.has(lastItem) || isDepthwise(last))) return false;
  if (isDepthwise(layer) && layers.some(isDepthwise)) return false;
  const reader = facts.clusters.soleReader(next);
  const closeness = (a: Layer | undefined, b: Layer | undefined) => (a && b ? commonScope(a.name, b.name).length : 0);
  return closeness(last, layer) >= Math.max(closeness(layers.at(-2), last), closeness(layer, reader && firstLayer(facts, reader)));
}

/** Whether a layer can come before the cluster: what the cluster begins with might have no gradient. */
function passesGradients({ nodesOf }: ChainFacts, cluster: Cluster): boolean {
  return cluster.items.every((item) => nodesOf(item).every(isDifferentiable));
}

/** Whether the cluster is one layer, with what was attached to it, that may be put together with others. */
function isLone(facts: ChainFacts, cluster: Cluster): boolean {
  return cluster.layers.length === 1 && !hasRegion(cluster) && !hasEnd(facts, cluster);
}

/** The layer of a lone cluster, gates apart. */
function mainLayer({ layersOf }: ChainFacts, cluster: Cluster): Layer {
  return layersOf(cluster.layers[0]!)[0]!;
}

/** The layer of a lone cluster without gates that have layers. */
function soleLayer(facts: ChainFacts, cluster: Cluster): Layer | undefined {
  return isLone(facts, cluster) && !cluster.kinds.has("gate") ? mainLayer(facts, cluster) : undefined;
}

function firstLayer({ layersOf }: ChainFacts, cluster: Cluster): Layer | undefined {
  return [...cluster.items].sort((a, b) => a - b).flatMap(layersOf)[0];
}

function isDepthwise({ op, shape, node }: Layer): boolean {
  return op === "Conv" && intAttribute(node, "group", 1) > 1 && shape[1] === 1;
}

function isPointwise({ op, shape }: Layer): boolean {
  return op === "Conv" && shape.slice(2).every((dim) => dim === 1);
}
