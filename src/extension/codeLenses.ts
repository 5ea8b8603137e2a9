import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { Bits } from "../config/schema.ts";
import type { Sensitivity } from "../config/sensitivity.ts";
import { type ConfigDocument, type ConfigLayer, type ConfigRun, parseConfigDocument, type Span } from "./configDocument.ts";
import type { ResultStore, StoredRun } from "./resultStore.ts";
import { summarizeResult } from "./resultSummary.ts";
import { isActive, type RunManager, type RunState, wholeSweep } from "./runManager.ts";
import { describeProgress } from "./runProgress.ts";
import type { SensitivityStore } from "./sensitivityStore.ts";
import { describeTable, readSweepTable } from "./sweepTable.ts";

/** A lens whose command is made only when VS Code draws it. */
class ConfigLens extends vscode.CodeLens {
  readonly makeCommand: () => vscode.Command;

  constructor(range: vscode.Range, makeCommand: () => vscode.Command) {
    super(range);
    this.makeCommand = makeCommand;
  }
}

/** Lenses of `.brecq.json`: run, cancel, results, and bits of layers. */
export class ConfigCodeLenses implements vscode.CodeLensProvider<ConfigLens> {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly manager: RunManager;
  private readonly results: ResultStore;
  private readonly sensitivities: SensitivityStore;
  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(manager: RunManager, results: ResultStore, sensitivities: SensitivityStore) {
    this.manager = manager;
    this.results = results;
    this.sensitivities = sensitivities;
    sensitivities.onDidChange(() => this.changed.fire());
    manager.onDidChange(() => this.changed.fire());
    results.onDidChange(() => this.changed.fire());
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<ConfigLens[]> {
    const parsed = parseConfigDocument(document.getText());
    const config = document.uri.fsPath;
    if (parsed.sweep) return this.sweepLenses(config, parsed.sweep, document);
    const stored = await Promise.all(parsed.runs.map((run) => this.results.read(config, run.name)));
    const { sensitivity } = await this.sensitivities.read(config);
    const rankOf = (layer: string, run: StoredRun) => sensitivityRank(sensitivity, layer) ?? noiseRank(run, layer);
    const rangeOf = ({ offset, length }: Span) => new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
    return [
      ...topCommands(config, parsed).map(({ span, command }) => new ConfigLens(rangeOf(span), () => command)),
      ...parsed.runs.flatMap((run, index) => [
        ...this.runLenses(config, run, stored[index]!, rangeOf(run.key)),
        ...run.layers.flatMap((layer) => layerLenses(config, run, layer, rankOf(layer.name, stored[index]!), rangeOf(layer.key))),
      ]),
    ];
  }

  resolveCodeLens(lens: ConfigLens): ConfigLens {
    lens.command = lens.makeCommand();
    return lens;
  }

  private async sweepLenses(file: string, { offset, length }: Span, document: vscode.TextDocument): Promise<ConfigLens[]> {
    const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
    const state = () => this.manager.get(file, wholeSweep);
    const lens = (title: () => string, command: string) => new ConfigLens(range, () => ({ title: title(), command, arguments: [file] }));
    const { table, problem } = await readSweepTable(file);
    const failure = state()?.failure;
    return [
      ...(isActive(state())
        ? [lens(() => l10n.t("■ Cancel"), "brecq.cancelSweep"), lens(() => activeTitle(state()), "brecq.showRuns")]
        : [lens(() => l10n.t("▶ Run sweep"), "brecq.runSweep")]),
      ...(failure && !isActive(state()) ? [lens(() => `$(error) ${shorten(failure.message)}`, "brecq.showOutput")] : []),
      ...(problem ? [lens(() => l10n.t("$(warning) unreadable result"), "brecq.showOutput")] : []),
      ...(table ? [lens(() => describeTable(table), "brecq.compare"), lens(() => l10n.t("Table"), "brecq.compare")] : []),
    ];
  }

  private runLenses(config: string, run: ConfigRun, stored: StoredRun, range: vscode.Range): ConfigLens[] {
    const state = () => this.manager.get(config, run.name);
    const active = isActive(state());
    const lens = (title: () => string, command: string, tooltip?: () => string | undefined) =>
      new ConfigLens(range, () => ({ title: title(), command, tooltip: tooltip?.(), arguments: [config, run.name] }));
    const lenses: ConfigLens[] = [];
    if (active) {
      lenses.push(lens(() => l10n.t("■ Cancel"), "brecq.cancel"));
      lenses.push(lens(() => activeTitle(state()), "brecq.showRuns"));
    } else {
      lenses.push(lens(() => l10n.t("▶ Run"), "brecq.run"));
      if (stored.resumable)
        lenses.push(
          lens(
            () => l10n.t("Resume"),
            "brecq.resume",
            () => l10n.t("Go on after the last finished block"),
          ),
        );
      const failure = state()?.failure;
      if (failure)
        lenses.push(
          lens(
            () => `$(error) ${shorten(failure.message)}`,
            "brecq.showOutput",
            () => [failure.message, failure.hint].join("\n"),
          ),
        );
    }
    const { result, problem } = stored;
    if (problem)
      lenses.push(
        lens(
          () => l10n.t("$(warning) unreadable result"),
          "brecq.showOutput",
          () => problem,
        ),
      );
    if (result) {
      lenses.push(
        lens(
          () => summarizeResult(result),
          "brecq.openReport",
          () => resultTooltip(stored),
        ),
      );
      lenses.push(lens(() => l10n.t("Compare"), "brecq.compare"));
      lenses.push(lens(() => l10n.t("Report"), "brecq.openReport"));
      lenses.push(lens(() => l10n.t("Graph"), "brecq.showGraph"));
    }
    return lenses;
  }
}

function topCommands(config: string, { root, runs }: ConfigDocument): { span: Span; command: vscode.Command }[] {
  if (!root || runs.length === 0) return [];
  const command = (title: string, id: string) => ({ span: { offset: root.offset, length: 1 }, command: { title, command: id, arguments: [config] } });
  return [
    command(l10n.t("▶ Run all"), "brecq.runAll"),
    command(l10n.t("Measure sensitivity"), "brecq.measureSensitivity"),
    command(l10n.t("Graph"), "brecq.showGraph"),
  ];
}

function activeTitle(state: RunState | undefined): string {
  if (!state || state.status === "queued") return l10n.t("waiting");
  if (state.status === "cancelling") return l10n.t("$(sync~spin) cancelling");
  return `$(sync~spin) ${describeProgress(state.progress)}`;
}

function layerLenses(config: string, run: ConfigRun, layer: ConfigLayer, rank: string | undefined, range: vscode.Range): ConfigLens[] {
  const bits = (layer.weights ?? run.settings.weights ?? 4) as Bits;
  const change = (title: string, by: -1 | 1) =>
    new ConfigLens(range, () => ({
      title,
      tooltip: by < 0 ? l10n.t("Fewer bits") : l10n.t("More bits"),
      command: "brecq.changeBits",
      arguments: [config, run.name, layer.name, by],
    }));
  const name = bits === "fp32" ? "FP32" : l10n.t("{0} bits", String(bits));
  return [new ConfigLens(range, () => ({ title: [rank, name].filter(Boolean).join(" · "), command: "" })), change("−", -1), change("+", 1)];
}

/** Where a layer stands when all are ordered by their measured loss at the fewest bits: "sensitivity 3 of 20". */
function sensitivityRank(sensitivity: Sensitivity | undefined, name: string): string | undefined {
  if (!sensitivity?.complete) return undefined;
  const lossOf = ({ losses }: Sensitivity["layers"][number]) => losses[sensitivity.candidates[0]!] ?? 0;
  const ranked = sensitivity.layers.toSorted((a, b) => lossOf(b) - lossOf(a));
  const rank = ranked.findIndex(({ layer }) => layer === name);
  return rank < 0 ? undefined : l10n.t("sensitivity {0} of {1}", rank + 1, ranked.length);
}

/** Where a layer stands when all are ordered by the noise that quantization puts on their weights: what there is before sensitivities are measured. */
function noiseRank({ result }: StoredRun, name: string): string | undefined {
  const ranked = (result?.layers ?? []).filter((layer) => layer.sqnr !== undefined).sort((a, b) => a.sqnr! - b.sqnr!);
  const rank = ranked.findIndex((layer) => layer.name === name);
  return rank < 0 ? undefined : l10n.t("noise rank {0} of {1}", rank + 1, ranked.length);
}

function resultTooltip({ result }: StoredRun): string | undefined {
  if (!result) return undefined;
  const data = result.metrics.source === "evaluation" ? l10n.t("evaluation images") : l10n.t("calibration images");
  return l10n.t("Measured on {0} {1} with the exported file; {2} s.", result.metrics.images, data, result.seconds.toFixed(1));
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
