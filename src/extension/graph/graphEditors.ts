import { basename, dirname, resolve } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { configExtension } from "../../config/resultPaths.ts";
import { readConfig } from "../configFiles.ts";
import { isConfig } from "../diagnostics.ts";
import { webviewHtml } from "../webviewHtml.ts";
import type { GraphDocument } from "./graphDocument.ts";
import type { GraphPane, GraphServices, PaneChoice } from "./graphPane.ts";

export const graphViewType = "brecq.graph";

const typingMs = 80;

/** The editor of `.onnx` files: shows them, and changes nothing in them. */
export class GraphEditors implements vscode.CustomReadonlyEditorProvider<GraphDocument>, vscode.Disposable {
  private readonly panes = new Map<vscode.WebviewPanel, GraphPane>();
  /** By model, what the next pane is to show first. */
  private readonly choices = new Map<string, PaneChoice>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly extensionUri: vscode.Uri;
  private readonly services: GraphServices;
  private timer: NodeJS.Timeout | undefined;

  constructor(extensionUri: vscode.Uri, services: GraphServices) {
    this.extensionUri = extensionUri;
    this.services = services;
    this.subscriptions = [vscode.window.registerCustomEditorProvider(graphViewType, this, { supportsMultipleEditorsPerDocument: true })];
  }

  async openCustomDocument(uri: vscode.Uri): Promise<GraphDocument> {
    // Loaded with the first graph: activation stays short.
    const { GraphDocument } = await import("./graphDocument.ts");
    const document = new GraphDocument(uri, this.services.launcher);
    document.onDidChange(() => this.panesOf(uri.fsPath).forEach((pane) => void pane.reload()));
    return document;
  }

  async resolveCustomEditor(document: GraphDocument, panel: vscode.WebviewPanel): Promise<void> {
    const { GraphPane } = await import("./graphPane.ts");
    this.follow();
    const pane = new GraphPane(document, panel.webview, this.services, this.choices.get(document.uri.fsPath));
    this.choices.delete(document.uri.fsPath);
    this.panes.set(panel, pane);
    panel.onDidDispose(() => {
      this.panes.delete(panel);
      pane.dispose();
    });
    panel.webview.options = { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(this.extensionUri, "dist/webview")] };
    panel.webview.onDidReceiveMessage((message) => pane.receive(message));
    const page = { worker: "graphLayout.js", pictures: true };
    panel.webview.html = webviewHtml(panel.webview, this.extensionUri, "graph", basename(document.uri.path), page);
  }

  /** Opens a model, or brings the view of it that is there to the front, and shows what is chosen. */
  async open(model: string, choice: PaneChoice | undefined, column: vscode.ViewColumn = vscode.ViewColumn.Active): Promise<void> {
    const existing = [...this.panes].find(([, pane]) => pane.model === model);
    if (existing) {
      existing[0].reveal();
      if (choice) await existing[1].show(choice);
      return;
    }
    if (choice) this.choices.set(model, choice);
    await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.file(model), graphViewType, column);
  }

  /** Shows a config's network beside it. */
  async openConfig(config: string, run: string | undefined): Promise<void> {
    const { model, runs } = await readConfig(config);
    if (model === undefined) return;
    await this.open(resolve(dirname(config), model), { config, run: run ?? runs[0]?.name }, vscode.ViewColumn.Beside);
  }

  /** Asks for a second run and shows it beside the first, in the view that is in front. */
  async compare(): Promise<void> {
    const pane = [...this.panes].find(([panel]) => panel.active)?.[1];
    if (!pane) return;
    const first = pane.chosenRun;
    const fp32 = l10n.t("FP32");
    const items = [
      ...(first === undefined ? [] : [{ label: fp32, run: undefined }]),
      ...pane.runNames.filter((run) => run !== first).map((run) => ({ label: run, run })),
    ];
    const chosen = await vscode.window.showQuickPick(items, { title: l10n.t("Compare {0} with", first ?? fp32) });
    if (!chosen) return;
    // The second pane shows runs: FP32 goes into the first.
    const [run, other] = chosen.run === undefined ? [undefined, first] : [first, chosen.run];
    await pane.show({ config: pane.shownConfig, run, other });
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const subscription of this.subscriptions) subscription.dispose();
    for (const pane of this.panes.values()) pane.dispose();
  }

  /** Follows what the views show; begun with the first one, so that activation stays short. */
  private follow(): void {
    if (this.subscriptions.length > 1) return;
    const watcher = vscode.workspace.createFileSystemWatcher(`**/*${configExtension}`);
    const refreshAll = () => this.panes.forEach((pane) => void pane.refresh());
    this.subscriptions.push(
      watcher,
      watcher.onDidCreate(refreshAll),
      watcher.onDidChange(refreshAll),
      watcher.onDidDelete(refreshAll),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => contentChanges.length > 0 && this.onEdited(document)),
      vscode.window.onDidChangeTextEditorSelection((event) => this.onSelected(event)),
      this.services.results.onDidChange(refreshAll),
      this.services.sensitivities.onDidChange((config) => this.onMeasured(config)),
    );
  }

  private panesOf(model: string): GraphPane[] {
    return [...this.panes.values()].filter((pane) => pane.model === model);
  }

  private onEdited(document: vscode.TextDocument): void {
    if (!isConfig(document)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.panes.forEach((pane) => void pane.refresh()), typingMs);
  }

  private async onSelected({ textEditor, selections, kind }: vscode.TextEditorSelectionChangeEvent): Promise<void> {
    // Without a kind it was a program, most likely the graph itself.
    if (kind === undefined || !isConfig(textEditor.document)) return;
    const { selectedOverrides } = await import("./configSelection.ts");
    for (const pane of this.panes.values()) {
      if (pane.shownConfig !== textEditor.document.uri.fsPath || !pane.graph) continue;
      const selected = selectedOverrides(textEditor.document, selections, pane.graph);
      if (selected) await pane.select(selected.layers);
    }
  }

  private onMeasured(config: string | undefined): void {
    for (const pane of this.panes.values()) if (config === undefined || pane.shownConfig === config) void pane.refreshSensitivity();
  }
}
