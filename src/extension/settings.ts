import * as vscode from "vscode";
import type { RuntimeSettings } from "../protocol/worker.ts";

export interface Settings {
  runtime: RuntimeSettings;
  /** The Node that runs workers: VS Code's own, unless another is set. */
  nodePath: string;
  memoryLimitBytes: number | undefined;
  defaultBits: number;
  notifications: boolean;
  /** Where sweeps are done: the address of a queue, or undefined for this machine. */
  queue: string | undefined;
}

export function readSettings(): Settings {
  const settings = vscode.workspace.getConfiguration("brecq");
  const limit = settings.get<number>("memoryLimit", 0);
  return {
    runtime: {
      provider: settings.get<RuntimeSettings["provider"]>("executionProvider", "cpu"),
      threads: settings.get<number>("threads", 0),
      backend: "auto",
    },
    nodePath: settings.get<string>("worker.nodePath") || process.execPath,
    memoryLimitBytes: limit > 0 ? limit * 2 ** 20 : undefined,
    defaultBits: settings.get<number>("defaultBits", 4),
    queue: settings.get<string>("queue") || undefined,
    notifications: settings.get<boolean>("notifications", true),
  };
}
