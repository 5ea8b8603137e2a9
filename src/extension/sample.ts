import { cp, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";

/** Copies the bundled sample into a folder of the user's choice and opens it; an earlier copy is opened as it is. */
export async function openSample(context: vscode.ExtensionContext): Promise<void> {
  const parent = vscode.workspace.workspaceFolders?.[0]?.uri ?? (await askFolder());
  if (!parent) return;
  const target = join(parent.fsPath, "brecq-sample");
  const alreadyThere = await stat(target).then(
    () => true,
    () => false,
  );
  if (!alreadyThere) {
    await mkdir(target, { recursive: true });
    // Results of somebody's runs are no part of it.
    const filter = (source: string) => !source.endsWith(".results");
    await cp(context.asAbsolutePath("samples/cifar10-resnet20"), target, { recursive: true, filter });
  }
  if (!vscode.workspace.workspaceFolders) return void vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(target));
  // The network may lie in a subfolder; what earlier runs wrote is not the sample.
  const first = async (pattern: string) =>
    (await vscode.workspace.findFiles(new vscode.RelativePattern(vscode.Uri.file(target), pattern), "**/*.results/**", 1))[0];
  const [config, model] = [await first("**/*.brecq.json"), await first("**/*.onnx")];
  if (config) await vscode.window.showTextDocument(config);
  else if (model) await vscode.commands.executeCommand("revealInExplorer", model);
}

async function askFolder(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({ canSelectFiles: false, canSelectFolders: true, openLabel: l10n.t("Put the sample here") });
  return chosen?.[0];
}
