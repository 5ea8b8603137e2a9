/** @file Fork-join regions: parts of the data flow that one value enters and one value leaves. */
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { immediateDominators } from "./dominators.ts";
import { type Flow, source } from "./flow.ts";
import { isDifferentiable, isSum } from "./operators.ts";

/** "gate": what works like an activation, such as x·sigmoid(x) or squeeze-and-excitation; "plain" in that it has no layers at all. */
export type RegionKind = "plain" | "gate" | "residual" | "join";

export interface Region {
  readonly kind: RegionKind;
  /** In topological order; the last one is the exit. */
  readonly vertices: readonly number[];
}

/** A region is made a block of its own up to these sizes: few layers, or many side by side. */
const limits = { layers: 8, depth: 6, parallelLayers: 64, parallelDepth: 5, gateLayers: 4, edges: 2000 };

/**
 * The outermost regions that are gates or can be blocks; they do not overlap. `isEnd` tells the layers that must stay alone.
 * Around each join: everything between it and its dominator, where nothing of that is read elsewhere. Such regions nest or lie apart.
 */
export function findRegions(flow: Flow, isLayer: (vertex: number) => boolean, isEnd: (vertex: number) => boolean): Region[] {
  const dominators = immediateDominators(flow);
  const seen = new Int32Array(flow.size);
  const covered = new Uint8Array(flow.size);
  const regions: Region[] = [];
  for (let exit = flow.size - 1; exit > source; exit--) {
    if (covered[exit] || flow.preds[exit]!.length < 2) continue;
    const vertices = between(dominators[exit]!, exit);
    const kind = vertices && kindOf(vertices);
    if (!kind) continue;
    for (const vertex of vertices) covered[vertex] = 1;
    regions.push({ kind, vertices });
  }
  return regions.reverse();

  /** What lies between an entry and an exit; undefined where that is too much or is read elsewhere. */
  function between(entry: number, exit: number): number[] | undefined {
    const vertices = [exit];
    const inside = (vertex: number) => seen[vertex] === exit;
    seen[exit] = exit;
    let layers = 0;
    let edges = 0;
    for (let next = 0; next < vertices.length; next++) {
      if (isLayer(vertices[next]!)) layers++;
      edges += flow.preds[vertices[next]!]!.length;
      if (layers > limits.parallelLayers || edges > limits.edges) return undefined;
      for (const pred of flow.preds[vertices[next]!]!) {
        if (pred === entry || inside(pred)) continue;
        seen[pred] = exit;
        vertices.push(pred);
      }
    }
    const isClosed = (vertex: number) => !flow.isOutput[vertex] && flow.succs[vertex]!.every(inside);
    if (!vertices.every((vertex) => vertex === exit || isClosed(vertex))) return undefined;
    // A node that splits its input belongs to what joins the parts again.
    const splits = entry !== source && flow.nodes[entry]!.output.length > 1 && !isLayer(entry) && isClosed(entry);
    if (splits) vertices.push(entry);
    return vertices.sort((a, b) => a - b);
  }

  function kindOf(vertices: readonly number[]): RegionKind | undefined {
    if (vertices.some(isEnd)) return undefined;
    const withoutGradient = vertices.filter((vertex) => !isDifferentiable(flow.nodes[vertex]!));
    const layers = vertices.filter(isLayer).length;
    if (layers === 0) return withoutGradient.length === 0 ? "plain" : undefined;
    const depths = layerDepths(flow, vertices, isLayer);
    // No gradient has to pass what comes before all layers, such as a transformer's normalization.
    if (withoutGradient.some((vertex) => depths.get(vertex)! > 0)) return undefined;
    const exit = vertices.at(-1)!;
    if (layers <= limits.gateLayers && isGate(flow.nodes[exit]!, flow.preds[exit]!, depths)) return "gate";
    const depth = depths.get(exit)!;
    const fits = (layers <= limits.layers && depth <= limits.depth) || depth <= limits.parallelDepth;
    if (!fits) return undefined;
    return isSum(flow.nodes[exit]!) ? "residual" : "join";
  }
}

/** The most layers on a path from the region's entry to each of its vertices. */
function layerDepths(flow: Flow, vertices: readonly number[], isLayer: (vertex: number) => boolean): Map<number, number> {
  const depths = new Map<number, number>();
  for (const vertex of vertices) {
    const above = Math.max(...flow.preds[vertex]!.map((pred) => depths.get(pred) ?? 0));
    depths.set(vertex, above + (isLayer(vertex) ? 1 : 0));
  }
  return depths;
}

/** A product with what the region was given, with no layer on the way. */
function isGate(exit: NodeProto, factors: readonly number[], depths: ReadonlyMap<number, number>): boolean {
  return exit.opType === "Mul" && factors.some((factor) => (depths.get(factor) ?? 0) === 0);
}
