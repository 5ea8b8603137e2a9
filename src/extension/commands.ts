import { basename } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { runFiles } from "../config/resultPaths.ts";
import type { ComparePanels } from "./comparePanel.ts";
import { chooseConfig, chooseRun, readConfig, saveConfig } from "./configFiles.ts";
import { createConfig } from "./createConfig.ts";
import { changeLayerBits } from "./editBits.ts";
import type { GraphEditors } from "./graph/graphEditors.ts";
import type { ResultStore } from "./resultStore.ts";
import { type RunManager, type RunState, wholeSweep } from "./runManager.ts";
import type { RunsNode } from "./runsView.ts";
import { openSample } from "./sample.ts";
import type { WorkerLauncher } from "./workerLauncher.ts";

export interface CommandServices {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  launcher: WorkerLauncher;
  manager: RunManager;
  results: ResultStore;
  panels: ComparePanels;
  graphs: GraphEditors;
}

/** A command's target: the arguments of a lens, a node of the view, or nothing from the palette. */
type Target = string | vscode.Uri | RunsNode | undefined;

export function registerCommands(services: CommandServices): vscode.Disposable {
  const { context, log, manager, panels, results, graphs } = services;
  const onRun = (act: (config: string, run: string) => unknown) => async (target: Target, name?: string) => {
    const chosen = await targetRun(target, name);
    if (chosen) return act(chosen.config, chosen.run);
  };
  const commands: Record<string, (...args: never[]) => unknown> = {
    "brecq.quantize": (uri?: vscode.Uri) => quantize(services, uri),
    "brecq.run": onRun((config, run) => startRun(services, config, run, false)),
    "brecq.resume": onRun((config, run) => startRun(services, config, run, true)),
    "brecq.runAll": async (target: Target) => {
      const config = await targetConfig(target);
      return config && runAll(services, config);
    },
    "brecq.cancel": onRun((config, run) => manager.cancel(config, run)),
    "brecq.compare": async (target: Target) => {
      const config = await targetConfig(target);
      if (config) panels.open(config);
    },
    "brecq.runSweep": async (target: Target) => {
      const file = await targetConfig(target);
      if (file) await runSweep(services, file);
    },
    "brecq.cancelSweep": async (target: Target) => {
      const file = await targetConfig(target);
      if (file) manager.cancel(file, wholeSweep);
    },
    "brecq.openReport": onRun((config, run) => panels.open(config, [run])),
    "brecq.openGraph": async (uri?: vscode.Uri) => {
      const model = uri?.fsPath ?? (await chooseModel());
      if (model) await graphs.open(model, undefined);
    },
    "brecq.showGraph": async (target: Target, run?: string) => {
      const config = await targetConfig(target);
      if (config) await graphs.openConfig(config, run ?? runOfNode(target));
    },
    "brecq.compareInGraph": () => graphs.compare(),
    "brecq.measureSensitivity": async (target: Target) => {
      const config = await targetConfig(target);
      if (config) await measureSensitivity(services, config);
    },
    "brecq.changeBits": changeLayerBits,
    "brecq.revealOutput": onRun((config, run) => vscode.commands.executeCommand("revealInExplorer", vscode.Uri.file(runFiles(config, run).model))),
    "brecq.deleteResults": onRun((config, run) => deleteResults(services, config, run)),
    "brecq.showRuns": () => vscode.commands.executeCommand("brecq.runs.focus"),
    "brecq.showOutput": () => log.show(),
    "brecq.openSample": () => openSample(context),
    "brecq.refreshRuns": () => results.refresh(),
  };
  return vscode.Disposable.from(...Object.entries(commands).map(([id, run]) => vscode.commands.registerCommand(id, run)));
}

async function quantize(services: CommandServices, uri: vscode.Uri | undefined): Promise<void> {
  const model = uri?.fsPath ?? (await chooseModel());
  if (!model) return;
  const config = await createConfig(model, services.launcher);
  if (!config) return;
  const first = (await readConfig(config)).runs[0]?.name;
  if (!first || !vscode.workspace.isTrusted) return;
  const runNow = l10n.t("Run “{0}”", first);
  const choice = await vscode.window.showInformationMessage(l10n.t("{0} is ready.", basename(config)), runNow);
  if (choice === runNow) await startRun(services, config, first, false);
}

async function chooseModel(): Promise<string | undefined> {
  const models = await vscode.workspace.findFiles("**/*.onnx", "**/{node_modules,*.results}/**", 500);
  if (models.length === 0) void vscode.window.showInformationMessage(l10n.t("There is no .onnx file in this workspace."));
  const items = models.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), path: uri.fsPath }));
  return (await vscode.window.showQuickPick(items, { title: l10n.t("Which network?") }))?.path;
}

/** Runs one run to its end; undefined where it may not be run. */
async function startRun({ manager, results, log }: CommandServices, config: string, run: string, resume: boolean): Promise<RunState | undefined> {
  if (!(await mayRun())) return undefined;
  try {
    await saveConfig(config);
  } catch (error) {
    void vscode.window.showErrorMessage(String(error));
    return undefined;
  }
  log.info(`${resume ? "resume" : "run"} ${run} of ${config}`);
  const state = await manager.start(config, run, { resume });
  results.refresh();
  return state;
}

async function measureSensitivity({ manager, log }: CommandServices, config: string): Promise<void> {
  if (!(await mayRun())) return;
  try {
    await saveConfig(config);
  } catch (error) {
    return void vscode.window.showErrorMessage(String(error));
  }
  log.info(`measure the sensitivity of layers of ${config}`);
  await manager.measure(config);
}

/** Does what is missing of a sweep; any other file says that it is none. */
async function runSweep({ manager, results, log }: CommandServices, file: string): Promise<void> {
  if (!(await mayRun())) return;
  try {
    await saveConfig(file);
  } catch (error) {
    return void vscode.window.showErrorMessage(String(error));
  }
  if (!(await readConfig(file)).sweep) {
    return void vscode.window.showErrorMessage(l10n.t("{0} is no sweep: it has no key “sweep”.", basename(file)));
  }
  log.info(`do the sweep ${file}`);
  await manager.sweep(file);
  results.refresh();
}

async function runAll(services: CommandServices, config: string): Promise<void> {
  const { runs, sweep } = await readConfig(config);
  if (sweep) return await runSweep(services, config);
  await Promise.all(runs.map(({ name }) => startRun(services, config, name, false)));
}

/** Running is off in Restricted Mode, also for a command that something else calls. */
async function mayRun(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = l10n.t("Manage Workspace Trust");
  const message = l10n.t("Runs are disabled in Restricted Mode: trust this workspace to run a config.");
  if ((await vscode.window.showWarningMessage(message, manage)) === manage) await vscode.commands.executeCommand("workbench.trust.manage");
  return false;
}

async function deleteResults({ manager, results }: CommandServices, config: string, run: string): Promise<void> {
  const confirm = l10n.t("Delete");
  const message = l10n.t("Delete the results of “{0}”?", run);
  const detail = l10n.t("The folder {0} is removed with the quantized model in it.", runFiles(config, run).folder);
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, confirm)) !== confirm) return;
  manager.forget(config, run);
  await results.delete(config, run);
}

async function targetConfig(target: Target): Promise<string | undefined> {
  if (typeof target === "string") return target;
  if (target instanceof vscode.Uri) return target.fsPath;
  return target?.config ?? chooseConfig();
}

async function targetRun(target: Target, name: string | undefined): Promise<{ config: string; run: string } | undefined> {
  const config = await targetConfig(target);
  if (!config) return undefined;
  const run = name ?? runOfNode(target) ?? (await chooseRun(config));
  return run === undefined ? undefined : { config, run };
}

function runOfNode(target: Target): string | undefined {
  return typeof target === "object" && "run" in target ? target.run : undefined;
}
