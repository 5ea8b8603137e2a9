/** @file What of a network is on the page: closed groups, open ones as frames, the operators in them, and the edges between. */
import type { NetworkGraph } from "../../config/networkGraph.ts";
import type { VisibleGraph } from "../../protocol/graphView.ts";

type VisibleNode = VisibleGraph["nodes"][number];
type VisibleEdge = VisibleGraph["edges"][number];
type Shape = readonly (number | string)[];

/** What is the same whatever is open, made once a network. */
interface Parts {
  readonly inputs: readonly VisibleNode[];
  readonly operators: readonly { readonly node: VisibleNode; readonly parent: string | undefined }[];
  readonly outputs: readonly VisibleNode[];
  readonly edges: readonly { readonly plain: VisibleEdge; readonly fromGroup: string | undefined; readonly toGroup: string | undefined }[];
}

const known = new WeakMap<NetworkGraph, Parts>();

/** @param open ids of the groups that are open; one inside a closed group is not seen */
export function visibleGraph(graph: NetworkGraph, open: ReadonlySet<string>): VisibleGraph {
  const parts = partsOf(graph);
  const closed = closedGroups(graph, open);
  const nodes = [...parts.inputs];
  for (const group of graph.groups) {
    const cover = closed.get(group.id);
    if (cover === undefined || cover === group.id) nodes.push({ type: "group", open: cover === undefined, ...group });
  }
  for (const { node, parent } of parts.operators) if (parent === undefined || closed.get(parent) === undefined) nodes.push(node);
  nodes.push(...parts.outputs);
  return { nodes, edges: liftedEdges(parts, closed) };
}

export function shapeText(shape: Shape): string {
  return shape.join("×");
}

/** By group, the outermost closed group that it is in or is; undefined where it is seen open. */
function closedGroups(graph: NetworkGraph, open: ReadonlySet<string>): Map<string, string | undefined> {
  const closed = new Map<string, string | undefined>();
  // Stages come before their blocks.
  for (const { id, parent } of graph.groups) {
    const outer = parent === undefined ? undefined : closed.get(parent);
    closed.set(id, outer ?? (open.has(id) ? undefined : id));
  }
  return closed;
}

/** Edges between what is seen; several between the same two become one. */
function liftedEdges({ edges }: Parts, closed: ReadonlyMap<string, string | undefined>): VisibleEdge[] {
  const seen = new Set<string>();
  const lifted: VisibleEdge[] = [];
  for (const { plain, fromGroup, toGroup } of edges) {
    const fromCover = fromGroup === undefined ? undefined : closed.get(fromGroup);
    const toCover = toGroup === undefined ? undefined : closed.get(toGroup);
    if (fromCover === undefined && toCover === undefined) {
      lifted.push(plain);
    } else if (fromCover !== toCover) {
      const [from, to] = [fromCover ?? plain.from, toCover ?? plain.to];
      const id = edgeId(from, to);
      if (seen.has(id)) continue;
      seen.add(id);
      lifted.push({ ...plain, id, from, to });
    }
  }
  return lifted;
}

function partsOf(graph: NetworkGraph): Parts {
  const parts = known.get(graph) ?? makeParts(graph);
  known.set(graph, parts);
  return parts;
}

function makeParts(graph: NetworkGraph): Parts {
  const parents = new Map(graph.operators.map(({ id, parent }) => [id, parent]));
  const edges = new Map<string, Parts["edges"][number]>();
  for (const { from, to, shape } of graph.edges) {
    const id = edgeId(from, to);
    if (edges.has(id)) continue;
    edges.set(id, { plain: { id, from, to, label: shape && shapeText(shape) }, fromGroup: parents.get(from), toGroup: parents.get(to) });
  }
  return {
    inputs: graph.inputs.map((input) => ({ type: "terminal", direction: "input", ...input })),
    operators: graph.operators.map((operator) => ({ node: { type: "operator", ...operator }, parent: operator.parent })),
    outputs: graph.outputs.map((output) => ({ type: "terminal", direction: "output", ...output })),
    edges: [...edges.values()],
  };
}

function edgeId(from: string, to: string): string {
  return `${from}→${to}`;
}
