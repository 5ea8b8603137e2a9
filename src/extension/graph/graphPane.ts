import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { FromGraphView, ToGraphView } from "../../protocol/graphView.ts";
import { fromGraphViewSchema, type ShownRun } from "../../protocol/graphView.ts";
import type { ConfigRun } from "../configDocument.ts";
import { readConfig } from "../configFiles.ts";
import type { ResultStore } from "../resultStore.ts";
import { measurement, type RunManager } from "../runManager.ts";
import type { SensitivityStore } from "../sensitivityStore.ts";
import { viewTranslations } from "../viewTranslations.ts";
import type { WorkerLauncher } from "../workerLauncher.ts";
import { chooseNodeData } from "./chooseNodeData.ts";
import { revealInConfig } from "./configSelection.ts";
import { DetailsRequest } from "./detailsRequest.ts";
import { editLayers } from "./editLayers.ts";
import type { GraphDocument } from "./graphDocument.ts";
import type { GraphIndex } from "./graphIndex.ts";
import { findModelConfig } from "./modelConfig.ts";
import { saveView } from "./saveView.ts";
import { shownRun } from "./shownRun.ts";
import { visibleGraph } from "./visibleGraph.ts";

export interface GraphServices {
  launcher: WorkerLauncher;
  manager: RunManager;
  results: ResultStore;
  sensitivities: SensitivityStore;
}

/** What a pane is to show first. */
export interface PaneChoice {
  config?: string;
  /** Undefined is FP32. */
  run?: string;
  /** A second run, to compare with. */
  other?: string;
}

/** One graph view: answers its messages, and tells it what changes outside. */
export class GraphPane implements vscode.Disposable {
  private readonly document: GraphDocument;
  private readonly webview: vscode.Webview;
  private readonly services: GraphServices;
  private readonly details: DetailsRequest;
  private index: GraphIndex | undefined;
  private isReady = false;
  private loading: Promise<void> | undefined;
  private open = new Set<string>();
  private config: string | undefined;
  private runs: ConfigRun[] = [];
  private choice: PaneChoice | undefined;

  constructor(document: GraphDocument, webview: vscode.Webview, services: GraphServices, choice: PaneChoice | undefined) {
    this.document = document;
    this.webview = webview;
    this.services = services;
    this.choice = choice;
    this.details = new DetailsRequest(document.uri.fsPath, services.launcher);
  }

  get model(): string {
    return this.document.uri.fsPath;
  }

  /** The config whose bits are shown. */
  get shownConfig(): string | undefined {
    return this.config;
  }

  /** Names of the config's runs. */
  get runNames(): string[] {
    return this.runs.map(({ name }) => name);
  }

  get chosenRun(): string | undefined {
    return this.choice?.run;
  }

  dispose(): void {
    this.details.dispose();
  }

  /** Shows other runs. */
  async show(choice: PaneChoice): Promise<void> {
    this.choice = choice;
    if (this.isReady) await this.sendConfig();
  }

  /** Reads the model again and shows it. */
  reload(): Promise<void> {
    this.loading = this.load();
    return this.loading;
  }

  private async load(): Promise<void> {
    this.details.forget();
    try {
      this.index = await this.document.load();
    } catch (error) {
      this.index = undefined;
      await this.send({ type: "failed", message: (error as Error).message });
      return;
    }
    await this.sendConfig();
    await this.sendGraph(undefined);
  }

  /** Looks at the config and the results again. */
  async refresh(): Promise<void> {
    if (this.index) await this.sendConfig();
  }

  async refreshSensitivity(): Promise<void> {
    const known = this.config === undefined ? { running: false } : await this.services.sensitivities.read(this.config);
    await this.send({ type: "sensitivity", ...known });
  }

  /** Selects layers in the view. */
  async select(layers: string[]): Promise<void> {
    if (this.isReady) await this.send({ type: "select", layers });
  }

  get graph(): GraphIndex["graph"] | undefined {
    return this.index?.graph;
  }

  async receive(raw: unknown): Promise<void> {
    const { data: message } = fromGraphViewSchema.safeParse(raw);
    if (!message) return;
    if (message.type === "ready") {
      this.isReady = true;
      // After the window was reloaded only the page knows what was shown; later the host does.
      this.choice ??= message.shown;
      return this.reload();
    }
    // A view that comes back says at once what was open in it, while the model is still being read.
    await this.loading;
    if (this.index) await this.answer(message, this.index);
  }

  private async answer(message: FromGraphView, index: GraphIndex): Promise<void> {
    switch (message.type) {
      case "ready":
        return;
      case "open":
        this.open = new Set(message.groups);
        return this.sendGraph(message.focus);
      case "edit":
        return this.edit(message, index);
      case "show-run":
        return this.show({ config: this.config, run: message.run, other: message.other });
      case "measure-sensitivity":
        return void (this.config && vscode.commands.executeCommand("brecq.measureSensitivity", this.config));
      case "cancel-sensitivity":
        return void (this.config && this.services.manager.cancel(this.config, measurement));
      case "details":
        return this.sendDetails(message.layer, index);
      case "find":
        return this.send({ type: "found", query: message.query, hits: index.find(message.query) });
      case "trace":
        return this.send({ type: "trace", from: message.from, direction: message.direction, ids: index.trace(message.from, message.direction) });
      case "select":
        return void (this.config && this.choice?.run !== undefined && revealInConfig(this.config, this.choice.run, index.graph, message.layers));
      case "choose-node-data": {
        const data = await chooseNodeData(this.document.uri, index.graph);
        return data && this.send({ type: "node-data", data });
      }
      case "create-config":
        return this.createConfig();
      case "save":
        await saveView(this.document.uri, message);
        return;
    }
  }

  private async edit(message: Extract<FromGraphView, { type: "edit" }>, { graph }: GraphIndex): Promise<void> {
    const run = this.choice?.run;
    if (this.config === undefined || run === undefined) {
      const create = l10n.t("Quantize with BRECQ");
      const isNew = this.config === undefined;
      const text = isNew
        ? l10n.t("Bits are written into a config, and this network has none yet.")
        : l10n.t("FP32 is shown: choose a run to edit its bits.");
      const choice = await vscode.window.showInformationMessage(text, ...(isNew ? [create] : []));
      return choice === create ? this.createConfig() : undefined;
    }
    const done = await editLayers(this.config, run, graph, message);
    if (!done) void vscode.window.showErrorMessage(l10n.t("{0} could not be edited.", basename(this.config)));
    await this.refresh();
  }

  private async createConfig(): Promise<void> {
    await vscode.commands.executeCommand("brecq.quantize", this.document.uri);
    this.choice = undefined;
    await this.refresh();
  }

  /** Sends what depends on the config: its name and runs, the bits, results and sensitivities. */
  private async sendConfig(): Promise<void> {
    const { graph } = this.index ?? {};
    if (!graph) return;
    this.config = this.choice?.config ?? (await findModelConfig(this.model));
    this.runs =
      this.config === undefined
        ? []
        : await readConfig(this.config).then(
            ({ runs }) => runs,
            () => [],
          );
    // The first run is shown until the user chooses.
    this.choice ??= this.runs[0] && { config: this.config, run: this.runs[0].name };
    await this.send({
      type: "model",
      name: basename(this.model),
      opset: graph.opset,
      fp32Bytes: graph.fp32Bytes,
      layers: graph.layers,
      groups: graph.groups,
      config: this.config === undefined ? undefined : basename(this.config),
      configFile: this.config,
      runs: this.runNames,
      unprepared: graph.unprepared,
      warnings: graph.warnings,
      translations: viewTranslations(),
    });
    const other = this.choice?.other;
    await this.send({ type: "run", shown: await this.shown(this.choice?.run), other: other === undefined ? undefined : await this.shown(other) });
    await this.refreshSensitivity();
  }

  private async shown(name: string | undefined): Promise<ShownRun> {
    const run = this.runs.find((candidate) => candidate.name === name);
    const stored = run && this.config !== undefined ? await this.services.results.read(this.config, run.name) : undefined;
    return shownRun(this.index!.graph, run, stored?.result);
  }

  private async sendGraph(focus: string | undefined): Promise<void> {
    if (!this.index) return;
    const known = focus !== undefined && this.index.has(focus) ? focus : undefined;
    // What is to be looked at must not be inside a closed group.
    if (known !== undefined) for (const group of this.index.ancestors(known)) this.open.add(group);
    await this.send({ type: "graph", graph: visibleGraph(this.index.graph, this.open), focus: known });
  }

  private async sendDetails(layer: string, { graph }: GraphIndex): Promise<void> {
    if (!graph.layers.some(({ name }) => name === layer)) return;
    const run = this.runs.find(({ name }) => name === this.choice?.run);
    const result = run && this.config !== undefined ? (await this.services.results.read(this.config, run.name)).result : undefined;
    const bits = shownRun(graph, run, result).bits[layer]?.weights;
    const details = await this.details.ask({ layer, bits: bits === "fp32" ? undefined : bits, result });
    if (details) await this.send({ type: "details", details });
  }

  private async send(message: ToGraphView): Promise<void> {
    await this.webview.postMessage(message);
  }
}
