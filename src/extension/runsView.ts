import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { configExtension } from "../config/resultPaths.ts";
import { findConfigs, readConfig } from "./configFiles.ts";
import type { ResultStore, StoredRun } from "./resultStore.ts";
import { summarizeResult } from "./resultSummary.ts";
import { isActive, type RunManager, type RunState, wholeSweep } from "./runManager.ts";
import { describeProgress, formatDuration, formatLoss, type JobProgress } from "./runProgress.ts";
import { describeTable, readSweepTable, tableJobs } from "./sweepTable.ts";

export type RunsNode =
  | { kind: "config"; config: string }
  | { kind: "run"; config: string; run: string }
  | { kind: "job"; config: string; job: JobProgress }
  | { kind: "block"; config: string; run: string; name: string; description: string; icon: string };

/** The view "BRECQ Runs": configs, their runs, and the blocks of a run. */
export class RunsView implements vscode.TreeDataProvider<RunsNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<RunsNode | undefined>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly manager: RunManager;
  private readonly results: ResultStore;
  /** The window was told of a change and has not come for the tree since. */
  private isTold = false;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(manager: RunManager, results: ResultStore) {
    this.manager = manager;
    this.results = results;
    const refresh = () => {
      // VS Code queues every change until the window has answered those before; one is enough, since the tree is read at the answer.
      if (this.isTold) return;
      this.isTold = true;
      this.changed.fire(undefined);
    };
    const watcher = vscode.workspace.createFileSystemWatcher(`**/*${configExtension}`);
    this.subscriptions = [
      this.changed,
      watcher,
      watcher.onDidCreate(refresh),
      watcher.onDidChange(refresh),
      watcher.onDidDelete(refresh),
      manager.onDidChange(refresh),
      results.onDidChange(refresh),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  async getChildren(node?: RunsNode): Promise<RunsNode[]> {
    if (!node) {
      this.isTold = false;
      return (await findConfigs()).map((config) => ({ kind: "config", config }));
    }
    if (node.kind === "config") {
      const { runs, sweep } = await readConfig(node.config);
      if (sweep) return await this.jobs(node.config);
      return runs.map(({ name }) => ({ kind: "run", config: node.config, run: name }));
    }
    return node.kind === "run" ? this.blocks(node.config, node.run) : [];
  }

  async getTreeItem(node: RunsNode): Promise<vscode.TreeItem> {
    if (node.kind === "config") return (await readConfig(node.config)).sweep ? await this.sweepItem(node.config) : configItem(node.config);
    if (node.kind === "job") return jobItem(node.config, node.job);
    if (node.kind === "block") {
      const item = new vscode.TreeItem(node.name);
      item.id = `${node.config}\n${node.run}\n${node.name}`;
      item.description = node.description;
      item.iconPath = new vscode.ThemeIcon(node.icon);
      return item;
    }
    return runItem(node, this.manager.get(node.config, node.run), await this.results.read(node.config, node.run));
  }

  /** Of a sweep that goes on, what its workers tell; else what its table says. */
  private async jobs(config: string): Promise<RunsNode[]> {
    const live = this.manager.get(config, wholeSweep)?.progress.jobs;
    const jobs = live ? [...live.values()] : tableJobs((await readSweepTable(config)).table);
    return jobs.map((job) => ({ kind: "job", config, job }));
  }

  private async sweepItem(config: string): Promise<vscode.TreeItem> {
    const item = configItem(config);
    const state = this.manager.get(config, wholeSweep);
    item.contextValue = `sweep ${isActive(state) ? "active" : "idle"}`;
    const { table } = await readSweepTable(config);
    item.description = isActive(state) ? describeProgress(state!.progress) : (state?.failure?.message ?? (table && describeTable(table)));
    return item;
  }

  private async blocks(config: string, run: string): Promise<RunsNode[]> {
    const state = this.manager.get(config, run);
    if (state && state.status !== "done" && state.progress.blockCount > 0) return liveBlocks(state);
    const { result } = await this.results.read(config, run);
    return (result?.blocks ?? []).map(({ name, loss, seconds }) => ({
      kind: "block",
      config,
      run,
      name,
      description: finishedBlock(loss.before, loss.after, seconds),
      icon: "pass",
    }));
  }
}

const jobIcons: Readonly<Record<JobProgress["state"], [icon: string, color?: string]>> = {
  started: ["sync~spin"],
  going: ["sync~spin"],
  retried: ["clock"],
  done: ["pass", "testing.iconPassed"],
  reused: ["pass", "testing.iconPassed"],
  failed: ["error", "list.errorForeground"],
  cancelled: ["circle-slash"],
};

function jobItem(config: string, { name, state, message, place }: JobProgress): vscode.TreeItem {
  const item = new vscode.TreeItem(name);
  const [icon, color] = jobIcons[state];
  item.id = `${config}\n${name}`;
  item.contextValue = "job";
  item.iconPath = new vscode.ThemeIcon(icon, color ? new vscode.ThemeColor(color) : undefined);
  item.description = [message, place].filter(Boolean).join(" · ");
  item.tooltip = item.description;
  return item;
}

function liveBlocks({ config, run, progress, status }: RunState): RunsNode[] {
  return progress.blocks.flatMap((block, index): RunsNode[] => {
    if (!block) return [];
    const { finished, name } = block;
    if (finished) {
      const description = finished.resumed ? l10n.t("from the checkpoint") : finishedBlock(finished.before, finished.after, finished.seconds);
      return [{ kind: "block", config, run, name, description, icon: "pass" }];
    }
    const loss = block.loss === undefined ? "" : ` · ${formatLoss(block.loss)}`;
    const going = status === "running" && index === progress.current;
    return [
      {
        kind: "block",
        config,
        run,
        name,
        description: l10n.t("step {0}/{1}{2}", block.step, block.steps, loss),
        icon: going ? "sync~spin" : "circle-slash",
      },
    ];
  });
}

function finishedBlock(before: number, after: number, seconds: number): string {
  return l10n.t("loss {0} → {1} · {2}", formatLoss(before), formatLoss(after), formatDuration(seconds));
}

function configItem(config: string): vscode.TreeItem {
  const item = new vscode.TreeItem(basename(config), vscode.TreeItemCollapsibleState.Expanded);
  item.id = config;
  item.resourceUri = vscode.Uri.file(config);
  item.contextValue = "config";
  item.command = { title: l10n.t("Open"), command: "vscode.open", arguments: [vscode.Uri.file(config)] };
  return item;
}

function runItem({ config, run }: { config: string; run: string }, state: RunState | undefined, stored: StoredRun): vscode.TreeItem {
  const active = isActive(state);
  const hasBlocks = active || stored.result !== undefined || (state?.progress.blockCount ?? 0) > 0;
  const item = new vscode.TreeItem(run, hasBlocks ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None);
  item.id = `${config}\n${run}`;
  // Menus look for these words.
  item.contextValue = ["run", active ? "active" : "idle", stored.result && "finished", stored.resumable && !active && "resumable"]
    .filter(Boolean)
    .join(" ");
  const { icon, description } = runAppearance(state, stored);
  item.iconPath = icon;
  item.description = description;
  item.tooltip = state?.failure ? [state.failure.message, state.failure.hint].filter(Boolean).join("\n") : description;
  return item;
}

function runAppearance(state: RunState | undefined, stored: StoredRun): { icon: vscode.ThemeIcon; description: string } {
  const icon = (name: string, color?: string) => new vscode.ThemeIcon(name, color ? new vscode.ThemeColor(color) : undefined);
  switch (state?.status) {
    case "queued":
      return { icon: icon("clock"), description: l10n.t("waiting") };
    case "running":
      return { icon: icon("sync~spin"), description: describeProgress(state.progress) };
    case "cancelling":
      return { icon: icon("sync~spin"), description: l10n.t("cancelling") };
    case "failed":
    case "crashed":
      return { icon: icon("error", "list.errorForeground"), description: state.failure?.message ?? "" };
    case "cancelled":
      return { icon: icon("circle-slash"), description: stored.resumable ? l10n.t("cancelled, can be resumed") : l10n.t("cancelled") };
  }
  if (stored.problem) return { icon: icon("warning", "list.warningForeground"), description: stored.problem };
  if (stored.resumable) return { icon: icon("debug-pause"), description: l10n.t("interrupted, can be resumed") };
  if (!stored.result) return { icon: icon("circle-outline"), description: l10n.t("not run yet") };
  return { icon: icon("pass", "testing.iconPassed"), description: summarizeResult(stored.result) };
}
