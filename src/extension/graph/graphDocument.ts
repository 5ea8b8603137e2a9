import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import { describeOutcome } from "../outcomeMessages.ts";
import type { WorkerLauncher } from "../workerLauncher.ts";
import { GraphIndex } from "./graphIndex.ts";

const settleMs = 300;

/** An open model file: its network, read by a worker once for all views, and again when the file changes. */
export class GraphDocument implements vscode.CustomDocument {
  readonly uri: vscode.Uri;
  private readonly launcher: WorkerLauncher;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly watcher: vscode.FileSystemWatcher;
  private loaded: { stamp: string; index: Promise<GraphIndex> } | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** The file has another content. */
  readonly onDidChange = this.changed.event;

  constructor(uri: vscode.Uri, launcher: WorkerLauncher) {
    this.uri = uri;
    this.launcher = launcher;
    const pattern = new vscode.RelativePattern(vscode.Uri.file(dirname(uri.fsPath)), basename(uri.fsPath));
    this.watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const look = () => {
      // Exporters write in pieces.
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.look(), settleMs);
    };
    this.watcher.onDidChange(look);
    this.watcher.onDidCreate(look);
    this.watcher.onDidDelete(look);
  }

  /** @throws Error with a sentence for the user where the model is missing or cannot be read */
  async load(): Promise<GraphIndex> {
    const stamp = await stampOf(this.uri.fsPath);
    if (stamp === undefined) throw new Error(l10n.t("There is no file {0}.", this.uri.fsPath));
    if (this.loaded?.stamp === stamp) return this.loaded.index;
    const index = this.ask().then((graph) => new GraphIndex(graph));
    this.loaded = { stamp, index };
    // A failure that may pass, such as a crash, is asked about again.
    index.catch(() => {
      if (this.loaded?.index === index) this.loaded = undefined;
    });
    return index;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.watcher.dispose();
    this.changed.dispose();
  }

  private async look(): Promise<void> {
    if (this.loaded?.stamp !== (await stampOf(this.uri.fsPath))) this.changed.fire();
  }

  private async ask(): Promise<NetworkGraph> {
    const worker = await this.launcher.launch((runtime) => ({ job: "graph", model: this.uri.fsPath, runtime }));
    const outcome = await worker.finished;
    if (outcome.kind === "done" && outcome.result.job === "graph") return outcome.result.graph;
    const failure = describeOutcome(outcome);
    throw new Error([failure?.message ?? l10n.t("Reading the model was cancelled."), failure?.hint].filter(Boolean).join(" "));
  }
}

async function stampOf(path: string): Promise<string | undefined> {
  const status = await stat(path).catch(() => undefined);
  return status && `${status.mtimeMs} ${status.size}`;
}
