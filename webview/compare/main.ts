/** @file The compare view: a choice of runs, their figures side by side, and their loss curves. */
import "@vscode-elements/elements/dist/vscode-button/index.js";
import "@vscode-elements/elements/dist/vscode-checkbox/index.js";
import "@vscode-elements/elements/dist/vscode-single-select/index.js";
import "@vscode-elements/elements/dist/vscode-option/index.js";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import * as l10n from "@vscode/l10n";
import { compareRuns } from "../../src/config/comparison.ts";
import type { RunResult } from "../../src/config/result.ts";
import type { StoredFront } from "../../src/config/searchResult.ts";
import { copyButtons } from "./copyButtons.ts";
import { element } from "./dom.ts";
import { frontSection } from "./frontView.ts";
import { onMessage, savedState, saveState, send } from "./host.ts";
import { LossChart } from "./lossChart.ts";
import { sweepView } from "./sweepView.ts";
import { blocksTable, layersTable, overviewTable } from "./tables.ts";

const app = document.getElementById("app")!;
const chart = new LossChart();
let results: RunResult[] = [];
let fronts: StoredFront[] = [];
let running: string[] = [];
let config = savedState()?.config ?? "";
let selected = savedState()?.selected ?? [];
let block = savedState()?.block;

onMessage((message) => {
  if (message.translations) l10n.config({ contents: message.translations });
  if (message.type === "show-sweep") {
    saveState({ config: message.config, selected, block });
    return app.replaceChildren(...sweepView(message));
  }
  const known = new Set(results.map(({ run }) => run));
  ({ config, results, fronts, running } = message);
  const names = results.map(({ run }) => run);
  // A run that finishes while the view is open is added to what is compared.
  const added = known.size > 0 ? names.filter((name) => !known.has(name)) : [];
  const wanted = message.selected ?? [...selected, ...added];
  selected = names.filter((name) => wanted.includes(name));
  if (selected.length === 0) selected = names;
  render();
});
send({ type: "ready" });

function render(): void {
  saveState({ config, selected, block });
  const shown = results.filter(({ run }) => selected.includes(run));
  if (shown.length === 0) {
    app.replaceChildren(
      element("h1", {}, l10n.t("Compare runs")),
      element("p", {}, l10n.t("No run of this config has a result yet. Run one from the lens above it.")),
      ...fronts.map(frontSection),
    );
    return;
  }
  const comparison = compareRuns(shown);
  const focused = document.activeElement?.id;
  app.replaceChildren(
    element("h1", {}, shown.length === 1 ? l10n.t("Report of “{0}”", shown[0]!.run) : l10n.t("Compare runs")),
    toolbar(),
    ...warnings(shown),
    overviewTable(comparison),
    ...(comparison.blocks.length > 0 ? [curves(comparison.blocks.map(({ name }) => name)), blocksTable(comparison)] : []),
    layersTable(comparison),
    ...fronts.map(frontSection),
  );
  if (comparison.blocks.length > 0) chart.show(shown, block!);
  if (focused) document.getElementById(focused)?.focus();
}

function toolbar(): HTMLElement {
  const choices = results.map(({ run }) => {
    const checkbox = element("vscode-checkbox", { id: `run-${run}`, label: run });
    checkbox.checked = selected.includes(run);
    checkbox.addEventListener("change", () => {
      const chosen = new Set(selected);
      if (checkbox.checked) chosen.add(run);
      else chosen.delete(run);
      selected = results.map((result) => result.run).filter((name) => chosen.has(name));
      render();
    });
    return checkbox;
  });
  const buttons = copyButtons((format) => send({ type: "copy", format, runs: selected }), "copy");
  const note = running.length > 0 ? [element("p", { class: "note", role: "status" }, l10n.t("Still running: {0}", running.join(", ")))] : [];
  return element(
    "div",
    { class: "toolbar" },
    element("div", { role: "group", "aria-label": l10n.t("Runs to compare") }, ...choices),
    element("div", { role: "group", "aria-label": l10n.t("Copy") }, ...buttons),
    ...note,
  );
}

function warnings(shown: RunResult[]): HTMLElement[] {
  const lines = shown.flatMap((result) => result.warnings.map((warning) => element("li", {}, `${result.run}: ${warning}`)));
  return lines.length > 0 ? [element("section", { class: "warnings", "aria-label": l10n.t("Warnings") }, element("ul", {}, ...lines))] : [];
}

function curves(blocks: string[]): HTMLElement {
  if (block === undefined || !blocks.includes(block)) block = blocks[0];
  const select = element("vscode-single-select", { id: "block", label: l10n.t("Block of the loss curves") });
  for (const name of blocks) {
    const option = element("vscode-option", { value: name }, name);
    if (name === block) option.setAttribute("selected", "");
    select.append(option);
  }
  select.addEventListener("change", () => {
    block = select.value;
    saveState({ config, selected, block });
    chart.show(
      results.filter(({ run }) => selected.includes(run)),
      block,
    );
  });
  return element(
    "section",
    {},
    element("h2", {}, l10n.t("Loss curves")),
    element("div", { class: "choice" }, l10n.t("Block"), select),
    chart.element,
  );
}
