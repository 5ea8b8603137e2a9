import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { FromGraphView } from "../../protocol/graphView.ts";

type Save = Extract<FromGraphView, { type: "save" }>;

/** Writes what the view has made to where the user says; nothing where the user cancels. */
export async function saveView(model: vscode.Uri, { format, content }: Pick<Save, "format" | "content">): Promise<vscode.Uri | undefined> {
  const target = await vscode.window.showSaveDialog({
    defaultUri: model.with({ path: model.path.replace(/(\.onnx)?$/i, `.${format}`) }),
    filters: { [format.toUpperCase()]: [format] },
    title: l10n.t("Save the view"),
  });
  if (!target) return undefined;
  const bytes = Buffer.from(content, format === "png" ? "base64" : "utf8");
  // Written beside and renamed, so that a full disk does not leave half a file under the name.
  const temporary = target.with({ path: `${target.path}.${process.pid}.tmp` });
  try {
    await vscode.workspace.fs.writeFile(temporary, bytes);
    await vscode.workspace.fs.rename(temporary, target, { overwrite: true });
  } catch (error) {
    await vscode.workspace.fs.delete(temporary).then(undefined, () => undefined);
    void vscode.window.showErrorMessage(l10n.t("{0} could not be written: {1}", target.fsPath, (error as Error).message));
    return undefined;
  }
  vscode.window.setStatusBarMessage(l10n.t("Saved {0}.", vscode.workspace.asRelativePath(target)), 3000);
  return target;
}
