/** @file Which block takes the nodes without weights. */
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import type { Shapes } from "../shapes.ts";
import type { Cluster, Clusters } from "./clusters.ts";
import type { Item } from "./items.ts";
import { isActivation, isDifferentiable, isElementwiseJoin, isGlobalPool, isGoodEnd, keepsSize } from "./operators.ts";

/** What the steps of block building share. */
export interface Assembly {
  readonly items: readonly Item[];
  readonly clusters: Clusters;
  readonly shapes: Shapes;
  nodesOf(item: number): NodeProto[];
  /** Whether the item is a layer at an end of the network, which stays alone. */
  isEnd(item: number): boolean;
}

/** What comes behind layers. */
export interface Followers {
  /** Layers with an activation behind. */
  readonly activated: ReadonlySet<number>;
  /** Layers with a sum behind that other values come into. */
  readonly summed: ReadonlySet<number>;
}

/**
 * Gives activations, gates, pools, pads and the like to the layer or region before them that they alone read, and a sum with
 * values from elsewhere to the last layer that it alone reads.
 */
export function attachBehind(assembly: Assembly): Followers {
  const { items, clusters } = assembly;
  const activated = new Set<number>();
  const summed = new Set<number>();
  items.forEach(({ kind, preds }, i) => {
    const before = kind === "node" || kind === "plain" || kind === "gate" ? clusterBefore(assembly, i) : undefined;
    if (!before) return;
    const layer = before.layers.length === 1 ? before.layers[0] : undefined;
    if (layer !== undefined && preds.length > 1) summed.add(layer);
    if (layer !== undefined && assembly.nodesOf(i).some(isActivation)) activated.add(layer);
    clusters.joinToReader(before, clusters.of(i));
  });
  return { activated, summed };
}

/** The cluster that an item is given to. */
function clusterBefore(assembly: Assembly, item: number): Cluster | undefined {
  const { clusters, shapes } = assembly;
  const { kind, preds } = assembly.items[item]!;
  const nodes = assembly.nodesOf(item);
  const exit = nodes.at(-1)!;
  if (!nodes.every(isDifferentiable) || !isGoodEnd(exit, shapes)) return undefined;
  const own = clusters.of(item);
  const canTake = (cluster: Cluster) =>
    hasLayers(cluster) && clusters.soleReader(cluster) === own && keepsSize(outputOf(assembly, cluster), exit.output[0]!, shapes);
  if (preds.length === 1) {
    const before = clusters.of(preds[0]!);
    return canTake(before) && !(kind === "gate" && hasEnd(assembly, before)) ? before : undefined;
  }
  if (kind !== "node" || !isElementwiseJoin(exit)) return undefined;
  return clusters.sources(own).findLast((cluster) => canTake(cluster) && !hasRegion(cluster) && !hasEnd(assembly, cluster));
}

/** The first value that others read of a cluster. */
function outputOf(assembly: Assembly, cluster: Cluster): string {
  return assembly.nodesOf(cluster.tail).at(-1)!.output[0]!;
}

/** Gives what is left (joins, upsampling, what begins a branch) to the block behind that alone reads it. */
export function attachAhead(assembly: Assembly): void {
  const { items, clusters } = assembly;
  for (let i = items.length - 1; i >= 0; i--) {
    const cluster = clusters.of(i);
    const reader = cluster.tail === i && !hasLayers(cluster) ? clusters.soleReader(cluster) : undefined;
    if (reader && !(hasLayers(reader) && poolsAll(assembly, cluster))) clusters.joinToReader(cluster, reader);
  }
}

/** Whether a block with layers had better begin behind the cluster. */
function poolsAll(assembly: Assembly, cluster: Cluster): boolean {
  return cluster.items.flatMap(assembly.nodesOf).some((node) => isGlobalPool(node, assembly.shapes));
}

export function hasLayers({ kinds }: Cluster): boolean {
  return kinds.has("layer") || kinds.has("gate") || hasRegion({ kinds });
}

/** Whether the cluster holds a fork-join region that is a block of its own. */
export function hasRegion({ kinds }: Pick<Cluster, "kinds">): boolean {
  return kinds.has("residual") || kinds.has("join");
}

export function hasEnd({ isEnd }: Assembly, cluster: Cluster): boolean {
  return cluster.layers.some(isEnd);
}
