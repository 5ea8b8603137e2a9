/** @file All shortcuts as data: the sheet shows them, the listener runs them. */
import * as l10n from "@vscode/l10n";
import { csvFile, htmlFile, pngFile, svgFile } from "../export/exports.ts";
import { send } from "../host.ts";
import * as actions from "../state/actions.ts";
import type { Panel } from "../state/state.ts";
import { getState, setState } from "../state/store.ts";
import { zoomBy, zoomToFit } from "../viewports.ts";

export interface Binding {
  /** Physical keys do not depend on the layout: digits keep their meaning with Shift. */
  key: string;
  ctrl?: boolean;
  shift?: boolean;
  label(): string;
  run(): void;
}

const digits = [2, 3, 4, 5, 6, 7, 8];
const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();
const panel = (name: Panel) => setState({ panel: getState().panel === name ? "none" : name });
const select = (extent: actions.Extent) => actions.selectLayers(actions.widen(actions.editedLayers(), extent));

export const bindings: Binding[] = [
  ...digits.map(
    (bits): Binding => ({ key: `Digit${bits}`, label: () => l10n.t("Weights to {0} bits", bits), run: () => actions.editBits("weights", bits) }),
  ),
  { key: "Digit0", label: () => l10n.t("Weights to FP32"), run: () => actions.editBits("weights", "fp32") },
  ...digits.map(
    (bits): Binding => ({
      key: `Digit${bits}`,
      shift: true,
      label: () => l10n.t("Activations to {0} bits", bits),
      run: () => actions.editBits("activations", bits),
    }),
  ),
  { key: "Digit0", shift: true, label: () => l10n.t("Activations to FP32"), run: () => actions.editBits("activations", "fp32") },
  { key: "KeyB", label: () => l10n.t("Select the block"), run: () => select("block") },
  { key: "KeyS", label: () => l10n.t("Select the stage"), run: () => select("stage") },
  { key: "KeyO", label: () => l10n.t("Select all of the operator type"), run: () => select("operator type") },
  {
    key: "KeyA",
    ctrl: true,
    label: () => l10n.t("Select all layers"),
    run: () => actions.selectLayers(getState().model?.layers.map(({ name }) => name) ?? []),
  },
  { key: "KeyF", ctrl: true, label: () => l10n.t("Find"), run: () => focus("#search") },
  { key: "Space", label: () => l10n.t("Zoom to fit"), run: zoomToFit },
  { key: "Equal", label: () => l10n.t("Zoom in"), run: () => zoomBy(1.25) },
  { key: "Minus", label: () => l10n.t("Zoom out"), run: () => zoomBy(0.8) },
  { key: "KeyQ", label: () => l10n.t("Show stages"), run: () => actions.showLevel("stages") },
  { key: "KeyW", label: () => l10n.t("Show blocks"), run: () => actions.showLevel("blocks") },
  { key: "KeyE", label: () => l10n.t("Show operators"), run: () => actions.showLevel("operators") },
  { key: "KeyI", label: () => l10n.t("Go to the input"), run: () => actions.goToTerminal("input") },
  { key: "KeyI", shift: true, label: () => l10n.t("Go to the output"), run: () => actions.goToTerminal("output") },
  { key: "KeyU", label: () => l10n.t("Trace upstream"), run: () => actions.trace("up") },
  { key: "KeyU", shift: true, label: () => l10n.t("Trace downstream"), run: () => actions.trace("down") },
  { key: "KeyC", label: () => l10n.t("Colour by …"), run: () => focus("#colour") },
  { key: "KeyR", label: () => l10n.t("Compute sensitivity, or stop"), run: actions.measure },
  { key: "KeyN", label: () => l10n.t("Own values…"), run: () => send({ type: "choose-node-data" }) },
  { key: "KeyP", label: () => l10n.t("Compare with …"), run: () => focus("#other") },
  { key: "KeyG", label: () => l10n.t("To the graph"), run: () => focus(".pane") },
  { key: "KeyT", label: () => l10n.t("Layer table"), run: () => panel("table") },
  { key: "KeyD", label: () => l10n.t("Details"), run: () => panel("details") },
  { key: "KeyX", label: () => l10n.t("Save as SVG"), run: svgFile },
  { key: "KeyX", shift: true, label: () => l10n.t("Save as PNG"), run: pngFile },
  { key: "KeyV", label: () => l10n.t("Save the table as CSV"), run: csvFile },
  { key: "KeyH", label: () => l10n.t("Save the report as HTML"), run: htmlFile },
  { key: "Escape", label: () => l10n.t("End tracing, close what is open"), run: actions.clear },
  { key: "Slash", shift: true, label: () => l10n.t("This list"), run: () => setState({ sheet: true }) },
];
