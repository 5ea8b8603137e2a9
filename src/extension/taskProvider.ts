import { isAbsolute, join } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { readConfig, saveConfig } from "./configFiles.ts";
import type { ResultStore } from "./resultStore.ts";
import { summarizeResult } from "./resultSummary.ts";
import { isActive, type RunManager, type RunState } from "./runManager.ts";
import { formatDuration, formatLoss } from "./runProgress.ts";

const taskType = "brecq";

interface BrecqTask extends vscode.TaskDefinition {
  config: string;
  run?: string;
  resume?: boolean;
}

/**
 * Tasks `{ "type": "brecq", "config": "a.brecq.json", "run": "w4" }`. They go through the same queue as the lenses, so
 * that lens, view and status bar show them; that is why they are no plain processes.
 */
export class BrecqTasks implements vscode.TaskProvider {
  private readonly manager: RunManager;
  private readonly results: ResultStore;

  constructor(manager: RunManager, results: ResultStore) {
    this.manager = manager;
    this.results = results;
  }

  async provideTasks(): Promise<vscode.Task[]> {
    const configs = await vscode.workspace.findFiles("**/*.brecq.json", "**/node_modules/**", 100);
    return configs.flatMap((uri) => {
      const folder = vscode.workspace.getWorkspaceFolder(uri);
      return folder ? [this.makeTask({ type: taskType, config: vscode.workspace.asRelativePath(uri, false) }, folder)] : [];
    });
  }

  resolveTask(task: vscode.Task): vscode.Task | undefined {
    const definition = task.definition as BrecqTask;
    const folder = typeof task.scope === "object" ? task.scope : vscode.workspace.workspaceFolders?.[0];
    return typeof definition.config === "string" && folder ? this.makeTask(definition, folder) : undefined;
  }

  private makeTask(definition: BrecqTask, folder: vscode.WorkspaceFolder): vscode.Task {
    const name = [definition.config, definition.run].filter(Boolean).join(" ");
    const open = async () => new RunTerminal(this.manager, this.results, pathOf(definition.config, folder), definition);
    return new vscode.Task(definition, folder, name, taskType, new vscode.CustomExecution(open));
  }
}

function pathOf(config: string, folder: vscode.WorkspaceFolder): string {
  return isAbsolute(config) ? config : join(folder.uri.fsPath, config);
}

/** Shows runs as lines in a terminal; closing it cancels them. */
class RunTerminal implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event;
  private readonly manager: RunManager;
  private readonly results: ResultStore;
  private readonly config: string;
  private readonly definition: BrecqTask;
  private stopped = false;
  private toldBlocks = 0;

  constructor(manager: RunManager, results: ResultStore, config: string, definition: BrecqTask) {
    this.manager = manager;
    this.results = results;
    this.config = config;
    this.definition = definition;
  }

  open(): void {
    void this.runAll().then((code) => this.closed.fire(code));
  }

  close(): void {
    this.stopped = true;
    for (const state of this.manager.active) if (state.config === this.config) this.manager.cancel(state.config, state.run);
  }

  private async runAll(): Promise<number> {
    try {
      const { runs } = await readConfig(this.config);
      await saveConfig(this.config);
      const names = this.definition.run === undefined ? runs.map(({ name }) => name) : [this.definition.run];
      if (names.length === 0) throw new Error(l10n.t("The config has no runs."));
      for (const run of names) {
        if (this.stopped || !(await this.runOne(run))) return 1;
      }
      return 0;
    } catch (error) {
      this.line(error instanceof Error ? error.message : String(error));
      return 1;
    }
  }

  private async runOne(run: string): Promise<boolean> {
    this.toldBlocks = 0;
    const subscription = this.manager.onDidChange((state) => state.config === this.config && state.run === run && this.tell(state));
    const state = await this.manager.start(this.config, run, { resume: this.definition.resume ?? false });
    subscription.dispose();
    const { result } = await this.results.read(this.config, run);
    if (state.status === "done" && result) this.line(`${run}: ${summarizeResult(result)}`);
    else this.line(`${run}: ${[state.failure?.message ?? state.status, state.failure?.hint].filter(Boolean).join(" ")}`);
    return state.status === "done";
  }

  private tell(state: RunState): void {
    if (!isActive(state)) return;
    for (; state.progress.blocks[this.toldBlocks]?.finished; this.toldBlocks++) {
      const { name, finished } = state.progress.blocks[this.toldBlocks]!;
      const { before, after, seconds } = finished!;
      this.line(`${state.run}: ${name}: ${formatLoss(before)} → ${formatLoss(after)}, ${formatDuration(seconds)}`);
    }
  }

  private line(text: string): void {
    this.written.fire(`${text}\r\n`);
  }
}
