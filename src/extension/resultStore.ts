import { access, readFile, rm, stat } from "node:fs/promises";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import type { RunResult } from "../config/result.ts";
import { frontFile, runFiles } from "../config/resultPaths.ts";
import type { StoredFront } from "../config/searchResult.ts";

/** What lies on the disk for one run. */
export interface StoredRun {
  result?: RunResult;
  /** Why a result file that is there cannot be read. */
  problem?: string;
  /** A checkpoint of an interrupted run is there. */
  resumable: boolean;
}

/** Reads results beside their configs; a file is read again only when it has changed. */
export class ResultStore implements vscode.Disposable {
  private readonly cache = new Map<string, { modified: number; run: Pick<StoredRun, "result" | "problem"> }>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly watcher = vscode.workspace.createFileSystemWatcher("**/*.results/**/{result.json,checkpoint,search.json,table.json}");
  readonly onDidChange = this.changed.event;

  constructor() {
    const notify = () => this.changed.fire();
    this.watcher.onDidCreate(notify);
    this.watcher.onDidChange(notify);
    this.watcher.onDidDelete(notify);
  }

  async read(config: string, run: string): Promise<StoredRun> {
    const files = runFiles(config, run);
    const [stored, resumable] = await Promise.all([
      this.readResult(files.result),
      access(files.checkpoint).then(
        () => true,
        () => false,
      ),
    ]);
    return { ...stored, resumable };
  }

  /** The front of a run's search, or of one without a run; a damaged file counts as none. */
  async readFront(config: string, run: string | undefined): Promise<StoredFront | undefined> {
    const text = await readFile(frontFile(config, run), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const { storedFrontSchema } = await import("../config/searchResult.ts");
    try {
      return storedFrontSchema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  /** Removes everything that a run has left. */
  async delete(config: string, run: string): Promise<void> {
    await rm(runFiles(config, run).folder, { recursive: true, force: true });
    this.changed.fire();
  }

  /** Makes everything that shows results look again. */
  refresh(): void {
    this.changed.fire();
  }

  dispose(): void {
    this.watcher.dispose();
    this.changed.dispose();
  }

  private async readResult(file: string): Promise<Pick<StoredRun, "result" | "problem">> {
    const modified = await stat(file).then(
      (status) => status.mtimeMs,
      () => undefined,
    );
    if (modified === undefined) return {};
    const cached = this.cache.get(file);
    if (cached?.modified === modified) return cached.run;
    const run = await parseResult(await readFile(file, "utf8").catch(() => ""), file);
    this.cache.set(file, { modified, run });
    return run;
  }
}

async function parseResult(text: string, file: string): Promise<Pick<StoredRun, "result" | "problem">> {
  // Loaded when there is a result, to keep activation short.
  const { resultSchema } = await import("../config/result.ts");
  try {
    return { result: resultSchema.parse(JSON.parse(text)) };
  } catch {
    return { problem: l10n.t("{0} is damaged or of another version: run again.", file) };
  }
}
