import { expect, test } from "vitest";
import { TestRandom } from "../../../../test/support/random.ts";
import { immediateDominators } from "./dominators.ts";
import { type Flow, source } from "./flow.ts";

/** A data flow of which only the edges matter. */
function flowFrom(preds: readonly (readonly number[])[]): Flow {
  return { size: preds.length, nodes: [], preds, succs: [], isOutput: [] };
}

/** Dominators by definition: what is on every path from the source, as sets. */
function dominatorsByDefinition({ size, preds }: Flow): number[] {
  const sets: Set<number>[] = [new Set([source])];
  for (let vertex = 1; vertex < size; vertex++) {
    const shared = [...sets[preds[vertex]![0]!]!].filter((other) => preds[vertex]!.every((pred) => sets[pred]!.has(other)));
    sets.push(new Set([...shared, vertex]));
  }
  return sets.map((set, vertex) => Math.max(source, ...[...set].filter((other) => other !== vertex)));
}

function randomPreds(random: TestRandom, size: number): number[][] {
  return Array.from({ length: size }, (_, vertex) => {
    if (vertex === source) return [];
    const nearby = () => random.integer(Math.max(0, vertex - 6), vertex - 1);
    return [...new Set(Array.from({ length: random.integer(1, 3) }, nearby))];
  });
}

test("a diamond is dominated by its fork", () => {
  expect([...immediateDominators(flowFrom([[], [0], [1], [1], [2, 3], [4]]))]).toEqual([0, 0, 1, 1, 1, 4]);
});

test("dominators of random flows are those of the definition", () => {
  const random = new TestRandom(1);
  for (let round = 0; round < 60; round++) {
    const flow = flowFrom(randomPreds(random, 60));
    expect([...immediateDominators(flow)]).toEqual(dominatorsByDefinition(flow));
  }
});

test("100,000 vertices in a ladder of long skips take little time", () => {
  const size = 100_000;
  const preds = Array.from({ length: size }, (_, vertex) => {
    if (vertex === source) return [];
    return vertex <= size / 2 ? [vertex - 1] : [vertex - 1, size - vertex];
  });
  const started = performance.now();
  const dominators = immediateDominators(flowFrom(preds));
  expect(performance.now() - started).toBeLessThan(2000);
  expect(dominators[size - 1]).toBe(1);
});
