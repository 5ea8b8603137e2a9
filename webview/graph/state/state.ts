/** @file Everything that the view shows. */
import type { LayerDetails } from "../../../src/config/layerDetails.ts";
import type { Sensitivity } from "../../../src/config/sensitivity.ts";
import type { NodeData, ShownRun, ToGraphView, VisibleGraph } from "../../../src/protocol/graphView.ts";
import type { Layout } from "../layout/geometry.ts";

export type GraphModel = Extract<ToGraphView, { type: "model" }>;
export type GraphNode = VisibleGraph["nodes"][number];
export type SearchHits = Extract<ToGraphView, { type: "found" }>;
export type Trace = Extract<ToGraphView, { type: "trace" }>;
export type Panel = "table" | "details" | "none";

/** A graph with its layout: they change together, so that nothing is ever drawn in an old place. */
export interface Drawing {
  graph: VisibleGraph;
  layout: Layout;
  focus?: string;
}

export interface BitsMenuRequest {
  layers: string[];
  which: "weights" | "activations";
  /** Where on the page it opens. */
  x: number;
  y: number;
}

export interface State {
  model?: GraphModel;
  drawing?: Drawing;
  /** Ids of the groups that are open. */
  open: string[];
  shown: ShownRun;
  other?: ShownRun;
  comparing: boolean;
  sensitivity?: Sensitivity;
  measuring: boolean;
  progress?: string;
  nodeData: NodeData[];
  details: Record<string, LayerDetails>;
  found?: SearchHits;
  trace?: Trace;
  /** Selected layers, in the graph and the table. */
  selected: string[];
  /** The node that the keyboard is on. */
  focused?: string;
  /** Id of the metric that colours the nodes. */
  colour: string;
  panel: Panel;
  bitsMenu?: BitsMenuRequest;
  sheet: boolean;
  failed?: string;
}

export const fp32Run: ShownRun = { bits: {}, firstLast: [], layers: [], activations: [], blocks: [] };

export const initialState: State = {
  open: [],
  shown: fp32Run,
  comparing: false,
  measuring: false,
  nodeData: [],
  details: {},
  selected: [],
  colour: "none",
  panel: "table",
  sheet: false,
};
