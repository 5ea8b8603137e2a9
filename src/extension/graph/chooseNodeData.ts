import { readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import type { NodeData } from "../../protocol/graphView.ts";
import { largestNodeDataBytes, parseNodeData } from "./nodeData.ts";

/** Values from a file that the user chooses; a file that is none is told. */
export async function chooseNodeData(model: vscode.Uri, graph: NetworkGraph): Promise<NodeData | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    defaultUri: vscode.Uri.file(dirname(model.fsPath)),
    filters: { JSON: ["json"] },
    title: l10n.t("Values to colour the network by"),
  });
  const file = chosen?.[0]?.fsPath;
  if (file === undefined) return undefined;
  try {
    const { size } = await stat(file);
    if (size > largestNodeDataBytes) throw new Error(l10n.t("{0} is too large: at most 16 MiB are read.", basename(file)));
    return parseNodeData(await readFile(file, "utf8"), basename(file), graph);
  } catch (error) {
    void vscode.window.showErrorMessage((error as Error).message);
    return undefined;
  }
}
