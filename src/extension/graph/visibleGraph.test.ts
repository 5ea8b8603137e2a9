import { describe, expect, it } from "vitest";
import { fakeGraph } from "../../../test/extension/fixtures/fakeGraph.ts";
import { deepGraph } from "../../../test/support/deepGraph.ts";
import { GraphIndex } from "./graphIndex.ts";
import { visibleGraph } from "./visibleGraph.ts";

const graph = fakeGraph("tiny.onnx");
const shown = (open: string[]) => {
  const { nodes, edges } = visibleGraph(graph, new Set(open));
  return { nodes: nodes.map(({ id }) => id), edges: edges.map(({ id }) => id) };
};

describe("visibleGraph", () => {
  it("shows stages at first, with edges between them", () => {
    expect(shown([])).toEqual({
      nodes: ["in:input", "stage:stage1", "stage:fc", "out:logits"],
      edges: ["in:input→stage:stage1", "stage:stage1→stage:fc", "stage:fc→out:logits"],
    });
  });

  it("keeps open groups as frames around what they hold", () => {
    const { nodes, edges } = visibleGraph(graph, new Set(["stage:stage1", "block:layer1.0"]));
    expect(nodes.map((node) => `${node.type} ${node.id}${node.type === "group" && node.open ? " open" : ""}`)).toEqual([
      "terminal in:input",
      "group stage:stage1 open",
      "group stage:fc",
      "group block:conv1",
      "group block:layer1.0 open",
      "group block:layer1.1",
      "operator op:1",
      "operator op:2",
      "terminal out:logits",
    ]);
    expect(edges.map(({ id }) => id)).toEqual([
      "in:input→block:conv1",
      "block:conv1→op:1",
      "op:1→op:2",
      "op:2→block:layer1.1",
      "block:layer1.1→stage:fc",
      "stage:fc→out:logits",
    ]);
  });

  it("does not look into a closed stage, whatever is open in it", () => {
    expect(shown(["block:layer1.0"])).toEqual(shown([]));
    expect(shown(["nothing of this name"])).toEqual(shown([]));
  });

  it("takes under 20 ms for 10,000 nodes", () => {
    const large = deepGraph(10_000);
    expect(large.operators.length).toBeGreaterThanOrEqual(10_000);
    const stages = large.groups.filter(({ level }) => level === "stage").map(({ id }) => id);
    for (const open of [[], stages.slice(0, 1), stages, large.groups.map(({ id }) => id)]) {
      const times = Array.from({ length: 7 }, () => {
        const started = process.cpuUsage();
        visibleGraph(large, new Set(open));
        const { user, system } = process.cpuUsage(started);
        return (user + system) / 1000;
      });
      expect(Math.min(...times)).toBeLessThan(20);
    }
  });
});

describe("GraphIndex", () => {
  const index = new GraphIndex(graph);

  it("finds by name, operator and shape, all words together", () => {
    expect(index.find("layer1.0 conv").map(({ id }) => id)).toEqual(["op:1", "op:2"]);
    expect(index.find("RESIDUAL").map(({ id }) => id)).toEqual(["block:layer1.0", "block:layer1.1"]);
    expect(index.find("16x3x3x3").map(({ name }) => name)).toEqual(["conv1"]);
    expect(index.find("batch×10 output").map(({ id }) => id)).toEqual(["out:logits"]);
    expect(index.find("  ")).toEqual([]);
    expect(index.find("no such thing")).toEqual([]);
  });

  it("traces up and down, with the groups on the way", () => {
    expect(index.trace("op:3", "down").sort()).toEqual(["block:fc", "block:layer1.1", "op:3", "op:4", "out:logits", "stage:fc", "stage:stage1"]);
    expect(index.trace("op:1", "up").sort()).toEqual(["block:conv1", "block:layer1.0", "in:input", "op:0", "op:1", "stage:stage1"]);
    expect(index.trace("stage:fc", "down").sort()).toEqual(["block:fc", "op:4", "out:logits", "stage:fc"]);
    expect(index.trace("nothing", "up")).toEqual(["nothing"]);
  });

  it("knows the groups around a node", () => {
    expect(index.ancestors("op:1")).toEqual(["block:layer1.0", "stage:stage1"]);
    expect(index.operatorOf("fc")).toBe("op:4");
    expect([index.has("op:1"), index.has("in:input"), index.has("op:99")]).toEqual([true, true, false]);
  });
});
