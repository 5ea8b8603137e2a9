/** @file What the user can do; the host is told where it has a part in it. */
import type { FromGraphView } from "../../../src/protocol/graphView.ts";
import { send } from "../host.ts";
import { nodeOfLayer } from "./receive.ts";
import type { GraphNode, SearchHits } from "./state.ts";
import { getState, setState } from "./store.ts";

export type EditedBits = Extract<FromGraphView, { type: "edit" }>["bits"];

export function node(id: string | undefined): GraphNode | undefined {
  return getState().drawing?.graph.nodes.find((candidate) => candidate.id === id);
}

/** Layers that a node stands for. */
export function layersOf(shown: GraphNode | undefined): string[] {
  if (shown?.type === "group") return shown.layers;
  return shown?.type === "operator" && shown.layer !== undefined ? [shown.layer] : [];
}

export function toggleGroup(id: string): void {
  const { open, model } = getState();
  const inside = new Set([id, ...(model?.groups ?? []).flatMap((group) => (group.parent === id ? [group.id] : []))]);
  const groups = open.includes(id) ? open.filter((other) => !inside.has(other)) : [...open, id];
  send({ type: "open", groups, focus: id });
}

/** Closes everything, opens the stages, or opens the blocks too. */
export function showLevel(level: "stages" | "blocks" | "operators"): void {
  const groups = (getState().model?.groups ?? []).filter((group) => level === "operators" || (level === "blocks" && group.level === "stage"));
  send({ type: "open", groups: groups.map(({ id }) => id), focus: getState().focused });
}

/** Opens what a layer, an operator or a group lies in, and goes there. */
export function reveal(id: string): void {
  if (node(id)) setState({ focused: id, drawing: { ...getState().drawing!, focus: id } });
  else send({ type: "open", groups: getState().open, focus: id });
}

/** Selects what was found, and goes there. */
export function goTo({ id, layers }: SearchHits["hits"][number]): void {
  selectLayers(layers);
  reveal(id);
}

/** @param add keeps what is selected, and takes out what already was */
export function selectLayers(layers: readonly string[], add = false): void {
  const { selected } = getState();
  const has = layers.length > 0 && layers.every((layer) => selected.includes(layer));
  const kept = selected.filter((layer) => !layers.includes(layer));
  const chosen = add ? (has ? kept : [...kept, ...layers]) : [...layers];
  setState({ selected: chosen });
  send({ type: "select", layers: chosen });
  if (chosen.length === 1) wantDetails(chosen[0]!);
}

export function focusNode(id: string, add = false): void {
  setState({ focused: id });
  selectLayers(layersOf(node(id)), add);
}

export function wantDetails(layer: string): void {
  if (!getState().details[layer]) send({ type: "details", layer });
}

/** What an edit applies to: the selection, else the node that the keyboard is on. */
export function editedLayers(): string[] {
  const { selected, focused } = getState();
  return selected.length > 0 ? selected : layersOf(node(focused));
}

export function editBits(which: "weights" | "activations", bits: EditedBits, layers = editedLayers()): void {
  if (layers.length === 0) return;
  if (getState().model?.config === undefined) send({ type: "create-config" });
  else send({ type: "edit", layers: [...layers], which, bits });
  setState({ bitsMenu: undefined });
}

export type Extent = "block" | "stage" | "operator type";

/** All layers in the same block or stage, or of the same operator type, as one of these. */
export function widen(layers: readonly string[], extent: Extent): string[] {
  const facts = getState().model?.layers ?? [];
  const key = extent === "operator type" ? "op" : extent;
  const wanted = new Set(facts.filter(({ name }) => layers.includes(name)).map((layer) => layer[key]));
  return facts.filter((layer) => wanted.has(layer[key])).map(({ name }) => name);
}

export function trace(direction: "up" | "down"): void {
  const from = getState().focused ?? nodeOfLayer(getState().selected[0]);
  if (from !== undefined) send({ type: "trace", from, direction });
}

export function goToTerminal(direction: "input" | "output"): void {
  const terminal = getState().drawing?.graph.nodes.find((candidate) => candidate.type === "terminal" && candidate.direction === direction);
  if (terminal) reveal(terminal.id);
}

export function measure(): void {
  if (getState().model?.unprepared !== undefined) return;
  send({ type: getState().measuring ? "cancel-sensitivity" : "measure-sensitivity" });
}

/** @param other the second pane's run; "fp32" for the network itself */
export function compareWith(other: string | undefined): void {
  setState({ comparing: other !== undefined });
  send({ type: "show-run", run: getState().shown.run, other: other === "fp32" ? undefined : other });
}

export function clear(): void {
  setState({ trace: undefined, found: undefined, bitsMenu: undefined, sheet: false, failed: undefined });
}
