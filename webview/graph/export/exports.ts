/** @file Files of what is shown now; the host asks where they go. */
import { estimate } from "../bits/estimate.ts";
import { send } from "../host.ts";
import { currentHeat } from "../metrics/heatMap.ts";
import { aggregateText } from "../metrics/metric.ts";
import { getState } from "../state/store.ts";
import { columns } from "../table/columns.ts";
import { bitsText } from "../text.ts";
import { layersToCsv } from "./csv.ts";
import { sceneToPng } from "./png.ts";
import { reportHtml } from "./report.ts";
import { type Scene, type SceneColours, sceneOf } from "./scene.ts";
import { sceneToSvg } from "./svg.ts";

export function svgFile(): void {
  const scene = currentScene();
  if (scene) send({ type: "save", format: "svg", content: sceneToSvg(scene) });
}

export function pngFile(): void {
  const scene = currentScene();
  if (scene) send({ type: "save", format: "png", content: sceneToPng(scene) });
}

export function csvFile(): void {
  const state = getState();
  if (state.model) send({ type: "save", format: "csv", content: layersToCsv(state.model.layers, columns(state)) });
}

export function htmlFile(): void {
  const state = getState();
  const scene = currentScene();
  if (!state.model || !scene) return;
  const { metric } = currentHeat(state);
  const content = reportHtml({
    language: document.documentElement.lang || "en",
    title: state.shown.run === undefined ? state.model.name : `${state.model.name}: ${state.shown.run}`,
    svg: sceneToSvg(scene),
    legend: metric ? `${metric.label}. ${aggregateText(metric.aggregate)}` : "",
    totals: estimate(state.model.layers, state.shown.bits, state.sensitivity),
    layers: state.model.layers,
    columns: columns(state),
    blocks: state.shown.blocks,
  });
  send({ type: "save", format: "html", content });
}

function currentScene(): Scene | undefined {
  const state = getState();
  if (!state.drawing) return undefined;
  return sceneOf(state.drawing, currentHeat(state).panes[0]!, themeColours(), (layer) => {
    const bits = state.shown.bits[layer];
    return `W ${bitsText(bits?.weights ?? "fp32")}  A ${bitsText(bits?.activations ?? "fp32")}`;
  });
}

function themeColours(): SceneColours {
  const style = getComputedStyle(document.body);
  const colour = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  const foreground = colour("--vscode-foreground", "#1f1f1f");
  return {
    background: colour("--vscode-editor-background", "#ffffff"),
    foreground,
    node: colour("--vscode-editorWidget-background", "#f3f3f3"),
    border: colour("--vscode-contrastBorder", colour("--vscode-widget-border", foreground)),
    edge: colour("--vscode-descriptionForeground", foreground),
  };
}
