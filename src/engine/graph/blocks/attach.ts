/** @file Which block takes the nodes without weights. */
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import type { Shapes } from "../shapes.ts";
import type { Cluster, Clusters } from "./clusters.ts";
import type { Item } from "./items.ts";
import { isActivation, isDifferentiable, isElementwiseJoin, isGlobalPool, isGoodEnd } from "./operators.ts";

/** What the steps of block building share. */
export interface Assembly {
  readonly items: readonly Item[];
  readonly clusters: Clusters;
  readonly shapes: Shapes;
  nodesOf(item: Item): NodeProto[];
  /** Whether the item is a layer at an end of the network, which stays alone. */
  isEnd(item: number): boolean;
}

/**
 * Gives activations, gates, pools, pads and the like to the layer or region before them that they alone read, and a sum with
 * values from elsewhere to the last layer that it alone reads.
 * @returns the layers that have an activation behind them
 */
export function attachBehind(assembly: Assembly): Set<number> {
  const activated = new Set<number>();
  assembly.items.forEach((item, i) => {
    const before = canFollow(item) ? clusterBefore(assembly, item, i) : undefined;
    if (!before) return;
    const [layer, ...others] = before.items.filter((member) => assembly.items[member]!.kind === "layer");
    if (layer !== undefined && others.length === 0 && assembly.nodesOf(item).some(isActivation)) activated.add(layer);
    assembly.clusters.joinToReader(before, assembly.clusters.of(i));
  });
  return activated;
}

function canFollow({ kind }: Item): boolean {
  return kind === "node" || kind === "plain" || kind === "gate";
}

/** The cluster that the item is given to. */
function clusterBefore(assembly: Assembly, item: Item, i: number): Cluster | undefined {
  const { clusters, shapes } = assembly;
  const nodes = assembly.nodesOf(item);
  const exit = nodes.at(-1)!;
  if (!nodes.every(isDifferentiable) || (item.kind !== "gate" && !nodes.every((node) => staysInRows(node, nodes, shapes)))) return undefined;
  if (!isGoodEnd(exit, shapes)) return undefined;
  const candidates = clusters.sources(clusters.of(i)).filter((cluster) => isOnlyReadBy(assembly, cluster, i));
  const joins = item.preds.length > 1;
  if (joins && !(item.kind === "node" && isElementwiseJoin(exit))) return undefined;
  return candidates.findLast((cluster) => {
    const end = cluster.items.some(assembly.isEnd);
    if (end && (joins || item.kind === "gate")) return false;
    return joins ? !hasRegion(assembly, cluster) && hasLayer(assembly, cluster) : hasLayer(assembly, cluster);
  });
}

/** A region's inner nodes may pool and spread; a single node is held to what a block may end with. */
function staysInRows(node: NodeProto, nodes: readonly NodeProto[], shapes: Shapes): boolean {
  return nodes.length > 1 || isGoodEnd(node, shapes);
}

function isOnlyReadBy({ clusters }: Assembly, cluster: Cluster, item: number): boolean {
  return clusters.soleReader(cluster) === clusters.of(item);
}

/** Gives what is left (joins, resizing, what several branches share no more) to the block behind that alone reads it. */
export function attachAhead(assembly: Assembly): void {
  const { items, clusters } = assembly;
  for (let i = items.length - 1; i >= 0; i--) {
    const cluster = clusters.of(i);
    if (cluster.tail !== i || hasLayer(assembly, cluster)) continue;
    const reader = clusters.soleReader(cluster);
    if (reader && (!hasLayer(assembly, reader) || !staysOutside(assembly, cluster))) clusters.joinToReader(cluster, reader);
  }
}

/** Whether the cluster holds what must not be part of a block with layers. */
function staysOutside(assembly: Assembly, cluster: Cluster): boolean {
  const nodes = cluster.items.flatMap((item) => assembly.nodesOf(assembly.items[item]!));
  return nodes.some((node) => !isDifferentiable(node) || isGlobalPool(node, assembly.shapes));
}

export function hasLayer({ items }: Assembly, cluster: Cluster): boolean {
  return cluster.items.some((item) => ["layer", "gate", "residual", "join"].includes(items[item]!.kind));
}

export function hasRegion({ items }: Assembly, cluster: Cluster): boolean {
  return cluster.items.some((item) => items[item]!.kind === "residual" || items[item]!.kind === "join");
}
