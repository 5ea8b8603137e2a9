/** @file The chosen metric on the drawn nodes. */
import type { Scale } from "../colour/scale.ts";
import { fp32Run, type State } from "../state/state.ts";
import { type Heat, heatOf, heatScale, nodeValues } from "./heat.ts";
import { type Metric, metrics } from "./metric.ts";

export interface HeatMap {
  metric: Metric | undefined;
  scale: Scale | undefined;
  /** By node, one map a pane. */
  panes: ReadonlyMap<string, Heat>[];
}

export type HeatState = Pick<State, "model" | "drawing" | "shown" | "other" | "comparing" | "sensitivity" | "details" | "nodeData" | "colour">;

const none: HeatMap = { metric: undefined, scale: undefined, panes: [new Map(), new Map()] };

/** Both panes share one scale, so that their colours can be compared. */
export function currentHeat(state: HeatState): HeatMap {
  const { model, shown, other, comparing, colour } = state;
  const nodes = state.drawing?.graph.nodes;
  if (!model || !nodes || colour === "none") return none;
  const perPane = [shown, ...(comparing ? [other ?? fp32Run] : [])].map((run) => metrics(state, run).find(({ id }) => id === colour));
  const metric = perPane[0];
  if (!metric) return none;
  const data = state.nodeData.find(({ name }) => colour === `data:${name}`);
  const values = perPane.map((each) => nodeValues(each!, model, nodes, data));
  const scale = heatScale(metric, nodes, values, data);
  if (!scale) return { ...none, metric };
  const panes = values.map(
    (map) =>
      new Map(
        nodes.flatMap((node) => {
          const value = map.get(node.id);
          return value === undefined ? [] : [[node.id, heatOf(node, value, metric, scale, data)] as const];
        }),
      ),
  );
  return { metric, scale, panes };
}
