/** @file Which bits each layer gets: the run's settings, the ends of the network, and overrides by name. */
import { type LayerBits, layerBits } from "../../config/bits.ts";
import type { RunConfig } from "../../config/schema.ts";
import { nearestName } from "../../config/suggestions.ts";
import { UserError } from "../errors.ts";
import type { Layer } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";

/** Bits by layer name. */
export type BitPlan = ReadonlyMap<string, LayerBits>;

/**
 * The bits of every layer of a run.
 * @throws UserError where an override names a layer that the model lacks
 */
export function planBits(network: Network, run: RunConfig): BitPlan {
  const overrides = new Map<Layer, RunConfig["layers"][string]>();
  for (const [name, override] of Object.entries(run.layers)) overrides.set(findLayer(network, name), override);
  return new Map(network.layers.map((layer) => [layer.name, layerBits(run, network.firstLast.has(layer.name), overrides.get(layer))] as const));
}

/** Names of the layers whose weights the run sets by name. */
export function overriddenLayers(network: Network, run: RunConfig): ReadonlySet<string> {
  const overrides = Object.entries(run.layers).filter(([, { weights }]) => weights !== undefined);
  return new Set(overrides.map(([name]) => findLayer(network, name).name));
}

function findLayer(network: Network, name: string): Layer {
  const layer = network.layers.find((candidate) => candidate.name === name) ?? network.layers.find(({ aliases }) => aliases.includes(name));
  if (layer) return layer;
  const near = nearestName(
    name,
    network.layers.map((candidate) => candidate.name),
  );
  throw new UserError(`The model has no layer "${name}".`, {
    hint: near ? `Did you mean "${near}"?` : "`brecq inspect` lists the layers.",
    place: { node: name },
  });
}
