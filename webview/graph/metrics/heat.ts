/** @file Values and colours of the nodes by one metric. */
import type { NodeData } from "../../../src/protocol/graphView.ts";
import { parseHex } from "../colour/colourMap.ts";
import { gradientOf, paint, paintColour, type Scale, scaleOf } from "../colour/scale.ts";
import type { GraphModel, GraphNode } from "../state/state.ts";
import { aggregate } from "./aggregate.ts";
import type { Metric } from "./metric.ts";

export interface Heat {
  value: number;
  text: string;
  background: string;
  color: string;
}

/** Values by node; nodes without one are not in it. */
export function nodeValues(metric: Metric, model: GraphModel, nodes: readonly GraphNode[], data?: NodeData): Map<string, number> {
  const facts = new Map(model.layers.map((layer) => [layer.name, layer]));
  const values = new Map<string, number>();
  const ofLayers = (layers: readonly string[]) =>
    layers.flatMap((name) => {
      const value = metric.layer?.(name);
      return value === undefined || !Number.isFinite(value) ? [] : [{ value, weight: facts.get(name)?.weights ?? 0 }];
    });
  for (const node of nodes) {
    const value = valueIn(node);
    if (value !== undefined && Number.isFinite(value)) values.set(node.id, value);
  }
  return values;

  function valueIn(node: GraphNode): number | undefined {
    if (node.type === "terminal") return data?.values[node.name]?.value;
    if (node.type === "operator") return data?.values[node.name]?.value ?? (node.layer === undefined ? undefined : metric.layer?.(node.layer));
    if (metric.block) return blockValue(node);
    return data?.values[node.name]?.value ?? aggregate(ofLayers(node.layers), metric.aggregate);
  }

  function blockValue(group: Extract<GraphNode, { type: "group" }>): number | undefined {
    if (group.level === "block") return metric.block!(group.name);
    const inside = model.groups.filter(({ parent }) => parent === group.id).flatMap(({ name }) => metric.block!(name) ?? []);
    return aggregate(
      inside.map((value) => ({ value, weight: 1 })),
      metric.aggregate,
    );
  }
}

/** The scale spans what is drawn in colour: open groups are frames and do not stretch it. */
export function heatScale(
  metric: Metric,
  nodes: readonly GraphNode[],
  values: readonly ReadonlyMap<string, number>[],
  data?: NodeData,
): Scale | undefined {
  const drawn = nodes.filter((node) => node.type !== "group" || !node.open);
  const found = values.flatMap((map) => drawn.flatMap(({ id }) => map.get(id) ?? []));
  const all = found.length > 0 ? found : values.flatMap((map) => [...map.values()]);
  const scale = scaleOf(all, metric.logarithmic);
  const gradient = data && gradientOf(data);
  return scale && gradient ? { ...scale, gradient } : scale;
}

export function heatOf(node: GraphNode, value: number, metric: Metric, scale: Scale, data?: NodeData): Heat {
  const own = data?.values[node.type === "operator" ? (node.layer ?? node.name) : node.name] ?? data?.values[node.name];
  const colour = own?.colour === undefined ? undefined : parseHex(own.colour);
  return { value, text: own?.text ?? metric.format(value), ...(colour ? paintColour(colour) : paint(value, scale)) };
}
