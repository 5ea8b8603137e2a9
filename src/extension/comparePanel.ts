import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { compareRuns, comparisonToCsv, comparisonToMarkdown } from "../config/comparison.ts";
import { frontToCsv, frontToMarkdown } from "../config/frontTable.ts";
import type { RunResult } from "../config/result.ts";
import type { StoredFront } from "../config/searchResult.ts";
import { sweepCsv, sweepMarkdown } from "../config/sweepMarkdown.ts";
import type { CopyFormat, ToCompareView } from "../protocol/compareView.ts";
import { readConfig } from "./configFiles.ts";
import type { ResultStore } from "./resultStore.ts";
import { isActive, type RunManager, wholeSweep } from "./runManager.ts";
import { describeProgress } from "./runProgress.ts";
import { readSweepTable } from "./sweepTable.ts";
import { viewTranslations } from "./viewTranslations.ts";
import { webviewHtml } from "./webviewHtml.ts";

const viewType = "brecq.compare";

/** The compare views, one a config. */
export class ComparePanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  private readonly panels = new Map<string, ComparePanel>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly extensionUri: vscode.Uri;
  private readonly manager: RunManager;
  private readonly results: ResultStore;

  constructor(extensionUri: vscode.Uri, manager: RunManager, results: ResultStore) {
    this.extensionUri = extensionUri;
    this.manager = manager;
    this.results = results;
    const refresh = () => this.panels.forEach((panel) => void panel.show());
    this.subscriptions = [
      results.onDidChange(refresh),
      manager.onDidChange(({ status }) => status !== "running" && refresh()),
      vscode.window.registerWebviewPanelSerializer(viewType, this),
    ];
  }

  /** Shows runs side by side; all finished runs where none is named. */
  open(config: string, runs?: string[]): void {
    const existing = this.panels.get(config);
    if (existing) return void existing.reveal(runs);
    const title = l10n.t("Compare: {0}", basename(config));
    const panel = vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active);
    this.adopt(panel, config, runs);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const config = typeof state === "object" && state !== null && "config" in state && typeof state.config === "string" ? state.config : undefined;
    if (config === undefined) return panel.dispose();
    this.adopt(panel, config, undefined);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    for (const panel of this.panels.values()) panel.dispose();
  }

  private adopt(panel: vscode.WebviewPanel, config: string, runs: string[] | undefined): void {
    this.panels.set(config, new ComparePanel(panel, config, runs, this.extensionUri, this.manager, this.results));
    panel.onDidDispose(() => this.panels.delete(config));
  }
}

class ComparePanel {
  private readonly panel: vscode.WebviewPanel;
  private readonly config: string;
  private readonly manager: RunManager;
  private readonly results: ResultStore;
  /** Runs to show once the view is ready. */
  private wanted: string[] | undefined;

  constructor(
    panel: vscode.WebviewPanel,
    config: string,
    runs: string[] | undefined,
    extensionUri: vscode.Uri,
    manager: RunManager,
    results: ResultStore,
  ) {
    this.panel = panel;
    this.config = config;
    this.wanted = runs;
    this.manager = manager;
    this.results = results;
    const icon = (theme: string) => vscode.Uri.joinPath(extensionUri, `media/icons/compare-${theme}.svg`);
    panel.iconPath = { light: icon("light"), dark: icon("dark") };
    panel.webview.options = { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extensionUri, "dist/webview")] };
    panel.webview.onDidReceiveMessage((message) => this.receive(message));
    panel.webview.html = webviewHtml(panel.webview, extensionUri, "compare", panel.title);
  }

  reveal(runs: string[] | undefined): void {
    this.panel.reveal();
    this.wanted = runs;
    void this.show();
  }

  /** Sends what is on the disk now. */
  async show(): Promise<void> {
    if ((await readConfig(this.config)).sweep) return await this.showSweep();
    const message: ToCompareView = {
      type: "show",
      config: this.config,
      results: await this.readResults(),
      fronts: await this.readFronts(),
      selected: this.wanted,
      translations: viewTranslations(),
      running: this.manager.active.filter(({ config }) => config === this.config).map(({ run }) => run),
    };
    this.wanted = undefined;
    await this.panel.webview.postMessage(message);
  }

  dispose(): void {
    this.panel.dispose();
  }

  private async showSweep(): Promise<void> {
    const state = this.manager.get(this.config, wholeSweep);
    const message: ToCompareView = {
      type: "show-sweep",
      config: this.config,
      ...(await readSweepTable(this.config)),
      translations: viewTranslations(),
      progress: state && isActive(state) ? describeProgress(state.progress) : undefined,
    };
    await this.panel.webview.postMessage(message);
  }

  private async copySweep(format: CopyFormat): Promise<void> {
    const { table } = await readSweepTable(this.config);
    if (!table) return;
    const texts = { csv: () => sweepCsv(table), markdown: () => `${sweepMarkdown(table)}\n`, json: table };
    await toClipboard(format, texts, l10n.t("Copied {0} settings as {1}.", table.rows.length, format));
  }

  private async receive(raw: unknown): Promise<void> {
    const { fromCompareViewSchema } = await import("../protocol/compareView.ts");
    const { data: message } = fromCompareViewSchema.safeParse(raw);
    if (message?.type === "ready") await this.show();
    if (message?.type === "copy") await this.copy(message.format, message.runs);
    if (message?.type === "copy-sweep") await this.copySweep(message.format);
    if (message?.type === "copy-front") await this.copyFront(message.format, message.run);
  }

  private async copy(format: CopyFormat, runs: string[]): Promise<void> {
    const results = (await this.readResults()).filter(({ run }) => runs.includes(run));
    const comparison = compareRuns(results);
    const texts = { csv: () => comparisonToCsv(comparison), markdown: () => comparisonToMarkdown(comparison), json: results };
    await toClipboard(format, texts, l10n.t("Copied {0} runs as {1}.", results.length, format));
  }

  private async copyFront(format: CopyFormat, run: string | undefined): Promise<void> {
    const stored = await this.results.readFront(this.config, run);
    if (!stored) return;
    const { run: ofRun, search, front } = stored;
    const texts = { csv: () => frontToCsv(front), markdown: () => frontToMarkdown(front), json: { run: ofRun, search, front } };
    await toClipboard(format, texts, l10n.t("Copied {0} points as {1}.", front.points.length, format));
  }

  private async readFronts(): Promise<StoredFront[]> {
    const { runs } = await readConfig(this.config);
    const fronts = await Promise.all([undefined, ...runs.map(({ name }) => name)].map((run) => this.results.readFront(this.config, run)));
    return fronts.filter((front) => front !== undefined);
  }

  private async readResults(): Promise<RunResult[]> {
    const { runs } = await readConfig(this.config);
    const stored = await Promise.all(runs.map(({ name }) => this.results.read(this.config, name)));
    return stored.flatMap(({ result }) => (result ? [result] : []));
  }
}

interface Texts {
  csv: () => string;
  markdown: () => string;
  json: unknown;
}

async function toClipboard(format: CopyFormat, { csv, markdown, json }: Texts, message: string): Promise<void> {
  const texts = { csv, markdown, json: () => `${JSON.stringify(json, undefined, 2)}\n` };
  await vscode.env.clipboard.writeText(texts[format]());
  vscode.window.setStatusBarMessage(message, 3000);
}
