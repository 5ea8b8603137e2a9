import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { RunManager } from "./runManager.ts";
import { describeProgress } from "./runProgress.ts";

/** One item, shown while something runs. */
export function createStatusBar(manager: RunManager): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("brecq.status", vscode.StatusBarAlignment.Left, 0);
  item.name = "BRECQ";
  item.command = "brecq.showRuns";
  const subscription = manager.onDidChange(() => {
    const [current, ...waiting] = manager.active;
    if (!current) return item.hide();
    const progress = current.status === "cancelling" ? l10n.t("cancelling") : describeProgress(current.progress);
    item.text = `$(sync~spin) ${current.run}: ${progress}`;
    const lines = [l10n.t("BRECQ runs {0} of {1}.", current.run, basename(current.config))];
    if (waiting.length > 0) lines.push(l10n.t("{0} more waiting.", waiting.length));
    item.tooltip = lines.join("\n");
    item.accessibilityInformation = { label: `BRECQ ${current.run} ${progress}` };
    item.show();
  });
  return vscode.Disposable.from(item, subscription);
}
