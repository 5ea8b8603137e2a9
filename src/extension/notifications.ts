import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { ResultStore } from "./resultStore.ts";
import { summarizeResult } from "./resultSummary.ts";
import { measurement, type RunManager, type RunState, wholeSweep } from "./runManager.ts";
import { formatDuration } from "./runProgress.ts";
import { readSettings } from "./settings.ts";

/** A run that takes longer than this is announced, and its end is. */
const longRunSeconds = 60;

/** Tells the start of a long run, its end, and every failure. */
export class RunNotifications implements vscode.Disposable {
  private readonly announced = new Set<string>();
  private readonly subscription: vscode.Disposable;
  private readonly manager: RunManager;
  private readonly results: ResultStore;

  constructor(manager: RunManager, results: ResultStore) {
    this.manager = manager;
    this.results = results;
    this.subscription = manager.onDidChange((state) => void this.onChange(state));
  }

  dispose(): void {
    this.subscription.dispose();
  }

  private async onChange(state: RunState): Promise<void> {
    const key = `${state.config}\n${state.run}\n${state.startedAt}`;
    if (state.status === "running") {
      const { secondsLeft } = state.progress;
      if (secondsLeft === undefined || secondsLeft < longRunSeconds || this.announced.has(key)) return;
      this.announced.add(key);
      await this.tellStart(state, secondsLeft);
    } else if (state.status === "done" && state.run !== measurement && secondsTaken(state) >= longRunSeconds) {
      await this.tellEnd(state);
    } else if (state.failure) {
      await this.tellFailure(state);
    }
  }

  private async tellStart({ config, run }: RunState, secondsLeft: number): Promise<void> {
    const [cancel, show] = [l10n.t("Cancel"), l10n.t("Show Runs")];
    const choice = await this.tell(
      l10n.t("“{0}” will take about {1}. It goes on in the background.", run, formatDuration(secondsLeft)),
      show,
      cancel,
    );
    if (choice === cancel) this.manager.cancel(config, run);
    if (choice === show) await vscode.commands.executeCommand("brecq.showRuns");
  }

  private async tellEnd({ config, run }: RunState): Promise<void> {
    if (run === wholeSweep) {
      const table = l10n.t("Table");
      const choice = await this.tell(l10n.t("The sweep {0} is done.", basename(config)), table);
      if (choice === table) await vscode.commands.executeCommand("brecq.compare", config);
      return;
    }
    const { result } = await this.results.read(config, run);
    const compare = l10n.t("Compare");
    const summary = result ? summarizeResult(result) : "";
    if ((await this.tell(l10n.t("“{0}” is done: {1}", run, summary), compare)) === compare)
      await vscode.commands.executeCommand("brecq.compare", config, run);
  }

  private async tellFailure({ config, run, failure, status }: RunState): Promise<void> {
    const { resumable } = await this.results.read(config, run);
    const [resume, output] = [l10n.t("Resume"), l10n.t("Show Output")];
    const message = [`“${run}”: ${failure?.message}`, failure?.hint].filter(Boolean).join(" ");
    const choice = await vscode.window.showErrorMessage(message, ...(resumable && status === "crashed" ? [resume] : []), output);
    if (choice === resume) await vscode.commands.executeCommand("brecq.resume", config, run);
    if (choice === output) await vscode.commands.executeCommand("brecq.showOutput");
  }

  /** An information that can be switched off for good. */
  private async tell(message: string, ...actions: string[]): Promise<string | undefined> {
    if (!readSettings().notifications) return undefined;
    const never = l10n.t("Don't Show Again");
    const choice = await vscode.window.showInformationMessage(message, ...actions, never);
    if (choice === never) await vscode.workspace.getConfiguration("brecq").update("notifications", false, vscode.ConfigurationTarget.Global);
    return choice;
  }
}

function secondsTaken({ startedAt, finishedAt }: RunState): number {
  return startedAt !== undefined && finishedAt !== undefined ? (finishedAt - startedAt) / 1000 : 0;
}
