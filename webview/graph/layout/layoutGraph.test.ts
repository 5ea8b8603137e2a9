import { describe, expect, it } from "vitest";
import { edgePath } from "./edgePath.ts";
import type { Box, LayoutEdge, LayoutNode } from "./geometry.ts";
import { layoutGraph } from "./layoutGraph.ts";
import { pieces, topologicalOrder } from "./pieces.ts";

const node = (id: string, parent?: string): LayoutNode => ({ id, parent, frame: false, width: 100, height: 40 });
const frame = (id: string, parent?: string): LayoutNode => ({ id, parent, frame: true, width: 120, height: 0 });
const edge = (from: string, to: string): LayoutEdge => ({ id: `${from}>${to}`, from, to });
const below = (upper: Box, lower: Box) => lower.y >= upper.y + upper.height;
const inside = (inner: Box, outer: Box) =>
  inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height;

describe("pieces", () => {
  it("cuts a residual network at the nodes that everything passes through", () => {
    const edges = [edge("a", "b"), edge("b", "c"), edge("a", "c"), edge("c", "d")];
    expect(topologicalOrder(["d", "c", "b", "a"], edges)).toEqual(["a", "b", "c", "d"]);
    expect(pieces(["a", "b", "c", "d"], edges)).toEqual([
      ["a", "b", "c"],
      ["c", "d"],
    ]);
  });

  it("keeps every node once in order, also in a cycle", () => {
    const edges = [edge("a", "b"), edge("b", "a"), edge("b", "c")];
    expect(topologicalOrder(["a", "b", "c"], edges).sort()).toEqual(["a", "b", "c"]);
  });
});

describe("layoutGraph", () => {
  const nodes = [node("in"), frame("stage"), frame("block", "stage"), node("conv", "block"), node("add", "block"), node("out")];
  const edges = [edge("in", "conv"), edge("in", "add"), edge("conv", "add"), edge("add", "out")];
  const { boxes, routes } = layoutGraph({ nodes, edges });

  it("puts children inside their frames and readers below what they read", () => {
    expect(inside(boxes.conv!, boxes.block!)).toBe(true);
    expect(inside(boxes.add!, boxes.block!)).toBe(true);
    expect(inside(boxes.block!, boxes.stage!)).toBe(true);
    for (const { from, to } of edges) expect(below(boxes[from]!, boxes[to]!)).toBe(true);
  });

  it("leads an edge around the node that it passes", () => {
    const { x, y, width, height } = boxes.conv!;
    for (const point of routes["in>add"]!.slice(1, -1)) {
      expect(point.x > x && point.x < x + width && point.y > y && point.y < y + height).toBe(false);
    }
    expect(routes["in>add"]!.length).toBeGreaterThan(2);
  });

  it("lets no two nodes overlap in a level with branches", () => {
    const branches = ["a", "b", "c", "d"];
    const layout = layoutGraph({
      nodes: [node("top"), ...branches.map((id) => node(id)), node("end")],
      edges: branches.flatMap((id) => [edge("top", id), edge(id, "end")]),
    });
    const found = branches.map((id) => layout.boxes[id]!).sort((a, b) => a.x - b.x);
    for (let i = 1; i < found.length; i++) expect(found[i]!.x).toBeGreaterThanOrEqual(found[i - 1]!.x + 100);
  });

  it("places ten thousand nodes of a residual network", () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => `n${i}`);
    const chain = ids.slice(1).map((id, i) => edge(ids[i]!, id));
    const skips = ids.flatMap((id, i) => (i % 5 === 0 && i + 4 < ids.length ? [edge(id, ids[i + 4]!)] : []));
    const layout = layoutGraph({ nodes: ids.map((id) => node(id)), edges: [...chain, ...skips] });
    expect(Object.keys(layout.boxes)).toHaveLength(10_000);
    expect(below(layout.boxes.n0!, layout.boxes.n9999!)).toBe(true);
  });
});

describe("edgePath", () => {
  it("is straight, or bends at its points", () => {
    expect(
      edgePath([
        { x: 1, y: 0 },
        { x: 1, y: 9 },
      ]),
    ).toBe("M1,0L1,9");
    expect(
      edgePath([
        { x: 0, y: 0 },
        { x: 4, y: 4 },
        { x: 0, y: 8 },
      ]),
    ).toBe("M0,0Q4,4 0,8");
  });
});
