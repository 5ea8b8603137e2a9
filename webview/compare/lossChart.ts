/** @file Loss curves of one block, one line a run. */
import * as l10n from "@vscode/l10n";
import uPlot from "uplot";
import type { RunResult } from "../../src/config/result.ts";
import { element } from "./dom.ts";

/** Theme colours of the lines; dashes tell them apart without colour. */
const colors = ["blue", "red", "green", "purple", "orange", "yellow"].map((name) => `--vscode-charts-${name}`);
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [14, 4]];

/** Faint on any background; borders of high-contrast themes would drown the lines. */
const gridColor = "#8884";

const height = 260;

export class LossChart {
  readonly element = element("div", { class: "chart", role: "img" });
  private plot: uPlot | undefined;
  private shown: { results: RunResult[]; block: string } | undefined;

  constructor() {
    new ResizeObserver(([entry]) => entry && this.plot?.setSize({ width: Math.max(200, Math.floor(entry.contentRect.width)), height })).observe(
      this.element,
    );
    // Colours are read when the plot is drawn, so another theme needs another plot.
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
  }

  show(results: RunResult[], block: string): void {
    this.shown = { results, block };
    this.redraw();
  }

  private redraw(): void {
    this.plot?.destroy();
    this.plot = undefined;
    if (!this.shown) return;
    const { results, block } = this.shown;
    const curves = results.map((result) => result.blocks.find(({ name }) => name === block)?.curve ?? []);
    this.element.setAttribute("aria-label", describe(results, curves, block));
    if (curves.every((curve) => curve.length === 0)) {
      this.element.replaceChildren(element("p", {}, l10n.t("There is no loss curve for this block.")));
      return;
    }
    this.element.replaceChildren();
    const steps = [...new Set(curves.flatMap((curve) => curve.map(({ step }) => step)))].sort((a, b) => a - b);
    const lines = curves.map((curve) => {
      const losses = new Map(curve.map(({ step, loss }) => [step, loss]));
      return steps.map((step) => losses.get(step));
    });
    this.plot = new uPlot(this.options(results), [steps, ...lines], this.element);
  }

  private options(results: RunResult[]): uPlot.Options {
    const axis = {
      stroke: themeColor("--vscode-foreground"),
      grid: { stroke: gridColor, width: 1 },
      ticks: { show: false },
    };
    return {
      width: Math.max(200, this.element.clientWidth),
      height,
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [
        { ...axis, label: l10n.t("Step") },
        // Losses of a thousandth and less are usual: two digits wherever they stand.
        {
          ...axis,
          label: l10n.t("Loss"),
          size: 70,
          values: (_, marks) => marks.map((mark) => (mark === null ? "" : String(Number(mark.toPrecision(2))))),
        },
      ],
      series: [
        { label: l10n.t("Step") },
        ...results.map(({ run }, index) => ({
          label: run,
          stroke: themeColor(colors[index % colors.length]!),
          dash: dashes[index % dashes.length],
          width: 2,
          spanGaps: true,
          points: { show: false },
        })),
      ],
    };
  }
}

function describe(results: RunResult[], curves: RunResult["blocks"][number]["curve"][], block: string): string {
  const ends = results.map(({ run }, index) => {
    const [first, last] = [curves[index]?.[0], curves[index]?.at(-1)];
    return first && last ? l10n.t("{0} from {1} to {2}", run, first.loss.toPrecision(3), last.loss.toPrecision(3)) : run;
  });
  return l10n.t("Loss curves of the block {0}: {1}", block, ends.join("; "));
}

function themeColor(variable: string): string {
  return getComputedStyle(document.body).getPropertyValue(variable).trim() || "gray";
}
