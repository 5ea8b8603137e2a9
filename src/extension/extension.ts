/** @file Registration only: nothing here reads a file, starts a process or waits. */
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { ConfigCodeLenses } from "./codeLenses.ts";
import { registerCommands } from "./commands.ts";
import { ComparePanels } from "./comparePanel.ts";
import { ConfigCompletion } from "./completion.ts";
import { ConfigDiagnostics } from "./diagnostics.ts";
import { GraphEditors } from "./graph/graphEditors.ts";
import { registerLanguageModelTools } from "./languageModelTools.ts";
import { ModelInspector } from "./modelInspector.ts";
import { RunNotifications } from "./notifications.ts";
import { ConfigQuickFixes } from "./quickFixes.ts";
import { ResultStore } from "./resultStore.ts";
import { RunManager } from "./runManager.ts";
import { RunsView } from "./runsView.ts";
import { SensitivityStore } from "./sensitivityStore.ts";
import { createStatusBar } from "./statusBar.ts";
import { BrecqTasks } from "./taskProvider.ts";
import { WorkerLauncher } from "./workerLauncher.ts";

const configs: vscode.DocumentSelector = { scheme: "file", pattern: "**/*.brecq.json" };

/** What the extension tells of itself, for its tests. */
export interface BrecqExtension {
  activationMilliseconds: number;
  graphs: GraphEditors;
}

export function activate(context: vscode.ExtensionContext): BrecqExtension {
  const started = performance.now();
  if (vscode.l10n.bundle) l10n.config({ contents: vscode.l10n.bundle });
  const log = vscode.window.createOutputChannel("BRECQ", { log: true });
  const launcher = new WorkerLauncher(context, log);
  const manager = new RunManager(launcher);
  const results = new ResultStore();
  const sensitivities = new SensitivityStore(manager);
  const graphs = new GraphEditors(context.extensionUri, { launcher, manager, results, sensitivities });
  const inspector = new ModelInspector(launcher);
  const diagnostics = new ConfigDiagnostics(inspector);
  const panels = new ComparePanels(context.extensionUri, manager, results);
  const runsView = new RunsView(manager, results);
  const lenses = new ConfigCodeLenses(manager, results, sensitivities);
  context.subscriptions.push(
    log,
    launcher,
    manager,
    results,
    diagnostics,
    panels,
    sensitivities,
    graphs,
    runsView,
    new RunNotifications(manager, results),
    createStatusBar(manager),
    registerCommands({ context, log, launcher, manager, results, panels, graphs }),
    registerLanguageModelTools({ manager, results, inspector }),
    vscode.window.registerTreeDataProvider("brecq.runs", runsView),
    vscode.languages.registerCodeLensProvider(configs, lenses),
    vscode.languages.registerCompletionItemProvider(configs, new ConfigCompletion(inspector), '"'),
    vscode.languages.registerCodeActionsProvider(configs, new ConfigQuickFixes(diagnostics)),
    vscode.tasks.registerTaskProvider("brecq", new BrecqTasks(manager, results)),
  );
  return { activationMilliseconds: performance.now() - started, graphs };
}
