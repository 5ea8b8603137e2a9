/** @file What blocks are called. */
import { commonScope, uniqueNames } from "../layerNames.ts";
import type { Layer } from "../layers.ts";

/**
 * A name for each block, given its layers: the module that holds these layers and no others, else the layer's name or `first..last`. Of
 * several such modules, the innermost that is numbered, as blocks in containers are (`layer1.0` of `layer1.0.branch`), else the outermost.
 * `fallback` names a block without layers.
 */
export function nameBlocks(blocks: readonly (readonly Layer[])[], fallback: (block: number) => string): string[] {
  const sizes = new Map<string, number>();
  for (const { name } of blocks.flat()) for (const scope of scopesOf(name)) sizes.set(scope, (sizes.get(scope) ?? 0) + 1);
  return uniqueNames(
    blocks.map((layers, i) => {
      if (layers.length === 0) return fallback(i);
      const [first, last] = [layers[0]!.name, layers.at(-1)!.name];
      if (layers.length === 1) return first;
      const shared = layers.map(({ name }) => name).reduce(commonScope);
      const own = scopesOf(shared).filter((scope) => sizes.get(scope) === layers.length);
      return own.findLast((scope) => /\d$/.test(scope)) ?? own[0] ?? `${first}..${last}`;
    }),
  );
}

/** `a`, `a.b` and `a.b.c` of `a.b.c`; a slash separates too. */
function scopesOf(name: string): string[] {
  const ends = [...name.matchAll(/[./]/g)].map(({ index }) => index).filter((index) => index > 0);
  return [...ends, name.length].map((end) => name.slice(0, end)).filter((scope) => scope !== "");
}
