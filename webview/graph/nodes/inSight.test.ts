import { describe, expect, it } from "vitest";
import { layoutGraph } from "../layout/layoutGraph.ts";
import { contains, inSight, shownPart, withSurroundings } from "./inSight.ts";

describe("inSight", () => {
  const ids = Array.from({ length: 100 }, (_, i) => `n${i}`);
  const edges = [...ids.slice(1).map((id, i) => ({ id: `e${i}`, from: ids[i]!, to: id })), { id: "long", from: "n0", to: "n99" }];
  const layout = layoutGraph({ nodes: ids.map((id) => ({ id, frame: false, width: 100, height: 40 })), edges });
  const nodes = ids.map((id) => ({ type: "terminal" as const, id, name: id, direction: "input" as const, shape: [] }));

  it("takes what is near the screen, and long edges with their ends", () => {
    const middle = layout.boxes.n50!;
    const found = inSight({ graph: { nodes, edges }, layout }, { x: middle.x - 1000, y: middle.y - 10, width: 2000, height: 60 });
    expect(found.nodes.has("n50")).toBe(true);
    expect(found.nodes.has("n20")).toBe(false);
    expect(found.edges.has("long")).toBe(true);
    expect(found.nodes.has("n0") && found.nodes.has("n99")).toBe(true);
    expect(found.nodes.size).toBeLessThan(8);
  });

  it("keeps a screen around", () => {
    const shown = shownPart({ x: -100, y: -200, zoom: 0.5 }, { width: 400, height: 300 });
    expect(shown).toEqual({ x: 200, y: 400, width: 800, height: 600 });
    expect(contains(withSurroundings(shown), { ...shown, y: shown.y + 600 })).toBe(true);
    expect(contains(withSurroundings(shown), { ...shown, y: shown.y + 601 })).toBe(false);
  });
});
