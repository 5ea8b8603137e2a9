/** @file Blocks put together into larger units: stages of one resolution, or all that lies between a network's ends. */
import { isDifferentiable } from "../graph/blocks/operators.ts";
import type { Network } from "../graph/prepare.ts";
import { boundary, type Unit } from "./segments.ts";

/**
 * Merges blocks that run one after the other. The network's first and last layers stay alone, as they do among blocks. A "stage" ends where the resolution
 * of the blocks' outputs changes, a "net" only where no gradient passes. Blocks without layers at a unit's ends stay outside.
 */
export function mergeBlocks(network: Network, blocks: readonly Unit[], into: "stage" | "net"): Unit[] {
  const units: Unit[] = [];
  let open: Unit[] = [];
  let openResolution = "";
  const close = () => {
    const last = open.findLastIndex(({ layers }) => layers.length > 0);
    if (last >= 0) units.push(merge(network, open.slice(0, last + 1), into));
    units.push(...open.slice(last + 1));
    open = [];
  };
  for (const block of endsOutside(network, blocks)) {
    const resolution = into === "stage" ? resolutionOf(network, block) : "";
    const isAlone = isEnd(network, block);
    if (open.length > 0 && (isAlone || resolution !== openResolution || !block.nodes.every(isDifferentiable))) close();
    if (isAlone || (open.length === 0 && block.layers.length === 0)) {
      units.push(block);
      continue;
    }
    if (open.length === 0) openResolution = resolution;
    open.push(block);
  }
  close();
  return units;
}

function isEnd(network: Network, { layers }: Unit): boolean {
  return layers.length === 1 && network.firstLast.has(layers[0]!.name);
}

/** The blocks in another valid order: what comes before all layers but the first ones, the rest, and the last layers with what depends on them. */
function endsOutside(network: Network, blocks: readonly Unit[]): Unit[] {
  const behindLayer = new Set<string>();
  const behindEnd = new Set<string>();
  const [first, middle, last]: [Unit[], Unit[], Unit[]] = [[], [], []];
  for (const block of blocks) {
    const isLate = block.inputs.some((value) => behindLayer.has(value));
    const isLast = isLate && (isEnd(network, block) || block.inputs.some((value) => behindEnd.has(value)));
    if (isLate || block.layers.length > 0) for (const value of block.outputs) behindLayer.add(value);
    if (isLast) for (const value of block.outputs) behindEnd.add(value);
    if (isLast) last.push(block);
    else if (!isLate && (block.layers.length === 0 || isEnd(network, block))) first.push(block);
    else middle.push(block);
  }
  return [...first, ...middle, ...last];
}

/** Height and width (or whatever comes behind the channels) of what a block makes, as a text to compare. */
function resolutionOf(network: Network, { outputs }: Unit): string {
  const known = outputs.filter((value) => network.shapes.has(value));
  return known.length > 0 ? network.shapes.shapeOf(known.at(-1)!, 1).slice(2).join("x") : "";
}

function merge(network: Network, parts: readonly Unit[], kind: string): Unit {
  if (parts.length === 1) return parts[0]!;
  const nodes = parts.flatMap((part) => part.nodes);
  const named = parts.filter(({ layers }) => layers.length > 0);
  const name = named.length > 1 ? `${named[0]!.name}..${named.at(-1)!.name}` : named[0]!.name;
  return { ...boundary(network, nodes), nodes, layers: parts.flatMap(({ layers }) => layers), name, kind };
}
