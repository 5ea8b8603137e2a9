import { readFile, stat } from "node:fs/promises";
import * as vscode from "vscode";
import { sensitivityFile } from "../config/resultPaths.ts";
import type { LayerSensitivity, Sensitivity } from "../config/sensitivity.ts";
import type { Progress } from "../protocol/progress.ts";
import { isActive, measurement, type RunManager } from "./runManager.ts";
import { describeProgress } from "./runProgress.ts";

/** What is known of a config's sensitivities. */
export interface KnownSensitivity {
  sensitivity?: Sensitivity;
  running: boolean;
  /** One short line while it runs. */
  progress?: string;
}

type LayerEvent = Extract<Progress, { type: "layer-sensitivity" }>;

/** Reads measured sensitivities, and adds what a measurement tells while it goes on. */
export class SensitivityStore implements vscode.Disposable {
  private readonly cache = new Map<string, { modified: number; sensitivity: Sensitivity | undefined }>();
  /** By config, what the measurement that goes on has told. */
  private readonly told = new Map<string, LayerEvent[]>();
  private readonly changed = new vscode.EventEmitter<string | undefined>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly manager: RunManager;
  private watcher: vscode.FileSystemWatcher | undefined;
  /** Fires with the config, or without where any may have changed. */
  readonly onDidChange = this.changed.event;

  constructor(manager: RunManager) {
    this.manager = manager;
    this.subscriptions = [
      this.changed,
      manager.onDidChange(({ config, run, status }) => {
        if (run !== measurement) return;
        if (status === "queued") this.told.delete(config);
        this.changed.fire(config);
      }),
      manager.onDidReport(({ state, event }) => {
        if (event.type === "layer-sensitivity") this.told.set(state.config, [...(this.told.get(state.config) ?? []), event]);
      }),
    ];
  }

  async read(config: string): Promise<KnownSensitivity> {
    this.watch();
    const state = this.manager.get(config, measurement);
    const running = isActive(state);
    const stored = await this.readFile(sensitivityFile(config));
    const told = running ? (this.told.get(config) ?? []) : [];
    const sensitivity = told.length > 0 ? withEvents(stored, told) : stored;
    return { sensitivity, running, progress: running && state ? describeProgress(state.progress) : undefined };
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** Looks out for files from the first question on, so that activation stays short. */
  private watch(): void {
    if (this.watcher) return;
    this.watcher = vscode.workspace.createFileSystemWatcher("**/*.results/sensitivity.json");
    const notify = () => this.changed.fire(undefined);
    this.subscriptions.push(this.watcher, this.watcher.onDidCreate(notify), this.watcher.onDidChange(notify), this.watcher.onDidDelete(notify));
  }

  private async readFile(file: string): Promise<Sensitivity | undefined> {
    const modified = await stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (modified === undefined) return undefined;
    const cached = this.cache.get(file);
    if (cached?.modified === modified) return cached.sensitivity;
    const { sensitivitySchema } = await import("../config/sensitivity.ts");
    const text = await readFile(file, "utf8").catch(() => "");
    const sensitivity = parse(text, (value) => sensitivitySchema.safeParse(value).data);
    this.cache.set(file, { modified, sensitivity });
    return sensitivity;
  }
}

/** A damaged file counts as none: measuring writes it anew. */
function parse<T>(text: string, read: (value: unknown) => T | undefined): T | undefined {
  try {
    return read(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What has been told replaces what was measured before. */
function withEvents(stored: Sensitivity | undefined, events: readonly LayerEvent[]): Sensitivity {
  const layers = new Map<string, LayerSensitivity>(stored?.layers.map((layer) => [layer.layer, layer]));
  for (const { layer, block, bits, loss } of events) {
    layers.set(layer, { layer, block, losses: { ...layers.get(layer)?.losses, [bits]: loss } });
  }
  const candidates = new Set([...(stored?.candidates ?? []), ...events.map(({ bits }) => bits)]);
  return {
    ...(stored ?? { model: "", fingerprint: "", measure: "", samples: 0, pairs: [], crossings: [] }),
    candidates: [...candidates].sort((a, b) => a - b),
    complete: false,
    layers: [...layers.values()],
  };
}
