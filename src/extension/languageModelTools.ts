import { isAbsolute, join } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { compareRuns, comparisonToMarkdown } from "../config/comparison.ts";
import { findConfigs, readConfig, saveConfig } from "./configFiles.ts";
import type { ModelInspector } from "./modelInspector.ts";
import type { ResultStore } from "./resultStore.ts";
import { summarizeResult } from "./resultSummary.ts";
import type { RunManager } from "./runManager.ts";
import { describeProgress } from "./runProgress.ts";

interface Services {
  manager: RunManager;
  results: ResultStore;
  inspector: ModelInspector;
}

/** The tools that chat may use. Errors are written for a model: what was wrong with the input, and what to call next. */
export function registerLanguageModelTools(services: Services): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.lm.registerTool("brecq_inspect_model", { invoke: ({ input }) => inspectModel(services, input as { model: string }) }),
    vscode.lm.registerTool("brecq_list_runs", { invoke: ({ input }) => listRuns(services, input as { config?: string }) }),
    vscode.lm.registerTool("brecq_run", {
      prepareInvocation: ({ input }) => confirmRun(input as RunInput),
      invoke: ({ input }, token) => run(services, input as RunInput, token),
    }),
    vscode.lm.registerTool("brecq_compare_runs", { invoke: ({ input }) => compare(services, input as { config: string; runs?: string[] }) }),
  );
}

interface RunInput {
  config: string;
  run: string;
  resume?: boolean;
}

async function inspectModel({ inspector }: Services, input: { model: string }): Promise<vscode.LanguageModelToolResult> {
  const inspection = await inspector.inspect(workspacePath(input.model, ".onnx"));
  return json(inspection);
}

async function listRuns({ manager, results }: Services, input: { config?: string }): Promise<vscode.LanguageModelToolResult> {
  const configs = input.config === undefined ? await findConfigs() : [workspacePath(input.config, ".brecq.json")];
  const listed = [];
  for (const config of configs) {
    const { runs, model } = await readConfig(config);
    const described = runs.map(async ({ name, settings }) => {
      const state = manager.get(config, name);
      const { result, resumable, problem } = await results.read(config, name);
      return {
        name,
        settings,
        status: state?.status ?? (result ? "done" : resumable ? "interrupted" : "never run"),
        progress: state?.status === "running" ? describeProgress(state.progress) : undefined,
        failure: state?.failure,
        result: result && summarizeResult(result),
        problem,
        resumable,
      };
    });
    listed.push({ config, model, runs: await Promise.all(described) });
  }
  return json(
    listed.length > 0
      ? listed
      : "There is no *.brecq.json file in the workspace. The user makes one with the command “Quantize with BRECQ” on an .onnx file.",
  );
}

function confirmRun({ config, run: name }: RunInput): vscode.PreparedToolInvocation {
  return {
    invocationMessage: l10n.t("Running {0} of {1}", name, config),
    confirmationMessages: {
      title: l10n.t("Quantize with BRECQ?"),
      message: l10n.t("This runs “{0}” of {1}. It uses all cores for minutes to hours and writes into the folder of its results.", name, config),
    },
  };
}

async function run({ manager, results }: Services, input: RunInput, token: vscode.CancellationToken): Promise<vscode.LanguageModelToolResult> {
  if (!vscode.workspace.isTrusted)
    throw new Error("The workspace is in Restricted Mode, so nothing can be run. Ask the user to trust the workspace.");
  const config = workspacePath(input.config, ".brecq.json");
  const names = (await readConfig(config)).runs.map(({ name }) => name);
  if (!names.includes(input.run)) throw new Error(`${input.config} has no run "${input.run}". Its runs are: ${names.join(", ") || "none"}.`);
  await saveConfig(config);
  const subscription = token.onCancellationRequested(() => manager.cancel(config, input.run));
  const state = await manager.start(config, input.run, { resume: input.resume ?? false });
  subscription.dispose();
  const { result, resumable } = await results.read(config, input.run);
  if (state.status !== "done" || !result) {
    const next = resumable ? ' Call brecq_run again with "resume": true to go on after the last finished block.' : "";
    throw new Error(`The run ended as "${state.status}". ${state.failure?.message ?? ""} ${state.failure?.hint ?? ""}${next}`);
  }
  const { blocks, ...short } = result;
  return json({ ...short, blocks: blocks.map(({ name, loss, seconds }) => ({ name, loss, seconds })) });
}

async function compare({ results }: Services, input: { config: string; runs?: string[] }): Promise<vscode.LanguageModelToolResult> {
  const config = workspacePath(input.config, ".brecq.json");
  const names = (await readConfig(config)).runs.map(({ name }) => name);
  const unknown = input.runs?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0) throw new Error(`${input.config} has no run ${unknown.join(", ")}. Its runs are: ${names.join(", ")}.`);
  const stored = await Promise.all((input.runs ?? names).map((name) => results.read(config, name)));
  const finished = stored.flatMap(({ result }) => (result ? [result] : []));
  if (finished.length === 0)
    throw new Error("None of these runs has a result yet. Call brecq_list_runs to see their states, and brecq_run to run one.");
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(comparisonToMarkdown(compareRuns(finished)))]);
}

/** The path of a file that a tool was given, which must be of the right kind and inside the workspace. */
function workspacePath(given: unknown, extension: string): string {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (typeof given !== "string" || !given.endsWith(extension))
    throw new Error(`Expected the path of a *${extension} file, got ${JSON.stringify(given)}.`);
  const path = isAbsolute(given) ? given : join(folders[0]?.uri.fsPath ?? "", given);
  if (!vscode.workspace.getWorkspaceFolder(vscode.Uri.file(join(path))))
    throw new Error(`${given} is not inside the workspace. Use a path below ${folders[0]?.uri.fsPath ?? "an open folder"}.`);
  return join(path);
}

function json(value: unknown): vscode.LanguageModelToolResult {
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(JSON.stringify(value, undefined, 1))]);
}
