/** @file Stages of a network: blocks in a row that work at one resolution. */
import type { Block } from "./blocks.ts";
import { commonScope, uniqueNames } from "./layerNames.ts";
import type { Shapes } from "./shapes.ts";

export interface Stage {
  /** Unique in the network. */
  readonly name: string;
  /** In topological order; together the stages hold every block once. */
  readonly blocks: readonly Block[];
}

/**
 * Cuts a network's blocks, in the order in which they run, where the resolution of their outputs changes: a block that halves it begins
 * the new stage. Blocks without layers stay with those before them.
 */
export function stagesOf(blocks: readonly Block[], shapes: Shapes): Stage[] {
  const stages: { resolution: string | undefined; blocks: Block[] }[] = [];
  for (const block of blocks) {
    const resolution = block.layers.length > 0 ? resolutionOf(block, shapes) : undefined;
    const stage = stages.at(-1);
    if (stage && (resolution === undefined || stage.resolution === undefined || stage.resolution === resolution)) {
      stage.blocks.push(block);
      stage.resolution ??= resolution;
    } else {
      stages.push({ resolution, blocks: [block] });
    }
  }
  const names = uniqueNames(stages.map((stage, i) => ownScope(stage.blocks, blocks) ?? `stage${i + 1}`));
  return stages.map((stage, i) => ({ name: names[i]!, blocks: stage.blocks }));
}

/** Height and width of the largest output; one word for all outputs without an extent in space. */
function resolutionOf({ outputs }: Block, shapes: Shapes): string {
  const extents = outputs.filter((value) => shapes.has(value)).map((value) => shapes.shapeOf(value, 1).slice(2));
  const largest = extents.reduce<number[]>((best, extent) => (elements(extent) > elements(best) ? extent : best), []);
  return elements(largest) > 1 ? largest.join("×") : "flat";
}

function elements(extent: readonly number[]): number {
  return extent.reduce((product, side) => product * side, 1);
}

/** The layer's name of a single layer, or the module that holds the stage's layers and no others; undefined where the names tell none. */
function ownScope(inside: readonly Block[], all: readonly Block[]): string | undefined {
  const names = namesOf(inside);
  if (names.length < 2) return names[0];
  const scope = names.reduce(commonScope);
  if (scope === "" || namesOf(all).filter((name) => commonScope(name, scope) === scope).length > names.length) return undefined;
  return scope;
}

function namesOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ layers }) => layers.map(({ name }) => name));
}
