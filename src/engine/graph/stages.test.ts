import { describe, expect, it } from "vitest";
import type { Block } from "./blocks.ts";
import type { Layer } from "./layers.ts";
import type { Shapes } from "./shapes.ts";
import { stagesOf } from "./stages.ts";

/** A block whose only output has a shape; layer names as given. */
function block(name: string, layers: string[]): Block {
  return {
    name,
    kind: layers.length > 0 ? "chain" : "glue",
    nodes: [],
    layers: layers.map((layer) => ({ name: layer }) as Layer),
    inputs: [],
    outputs: [name],
  };
}

function shapes(dims: Record<string, number[]>): Shapes {
  return { has: (value: string) => value in dims, shapeOf: (value: string) => dims[value]! } as unknown as Shapes;
}

describe("stagesOf", () => {
  it("cuts where the resolution changes, with the block that changes it in the new stage", () => {
    const blocks = [block("stem", ["conv1"]), block("a", ["layer1.0.c"]), block("b", ["layer2.0.c", "layer2.0.d"]), block("c", ["layer2.1.c"])];
    const stages = stagesOf(blocks, shapes({ stem: [1, 4, 8, 8], a: [1, 4, 8, 8], b: [1, 8, 4, 4], c: [1, 8, 4, 4] }));
    expect(stages.map(({ name, blocks }) => [name, blocks.map((inner) => inner.name)])).toEqual([
      ["stage1", ["stem", "a"]],
      ["layer2", ["b", "c"]],
    ]);
  });

  it("keeps blocks without layers with those before them, and leading ones with the first stage", () => {
    const blocks = [block("pad", []), block("a", ["x"]), block("pool", []), block("fc", ["y"])];
    const stages = stagesOf(blocks, shapes({ pad: [1, 3, 9, 9], a: [1, 4, 8, 8], pool: [1, 4, 1, 1], fc: [1, 10] }));
    expect(stages.map((stage) => stage.blocks.map(({ name }) => name))).toEqual([["pad", "a", "pool"], ["fc"]]);
  });

  it("counts everything without an extent in space as one resolution", () => {
    const blocks = [block("a", ["x"]), block("b", ["y"]), block("c", ["z"])];
    expect(stagesOf(blocks, shapes({ a: [1, 4, 1, 1], b: [1, 10], c: [1, 20] }))).toHaveLength(1);
  });

  it("names a stage after a module only where no other stage has layers of it", () => {
    const blocks = [block("a", ["net.x", "net.y"]), block("b", ["net.z", "net.w"])];
    const stages = stagesOf(blocks, shapes({ a: [1, 4, 8, 8], b: [1, 4, 4, 4] }));
    expect(stages.map(({ name }) => name)).toEqual(["stage1", "stage2"]);
  });
});
