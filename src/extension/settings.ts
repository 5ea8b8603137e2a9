import * as vscode from "vscode";
import { type RuntimeSettings, runtimeSettingsSchema } from "../protocol/worker.ts";

export interface Settings {
  runtime: RuntimeSettings;
  /** The Node that runs workers: VS Code's own, unless another is set. */
  nodePath: string;
  memoryLimitBytes: number | undefined;
  defaultBits: number;
  notifications: boolean;
}

export function readSettings(): Settings {
  const settings = vscode.workspace.getConfiguration("brecq");
  const limit = settings.get<number>("memoryLimit", 0);
  return {
    runtime: runtimeSettingsSchema.parse({ provider: settings.get("executionProvider"), threads: settings.get("threads") }),
    nodePath: settings.get<string>("worker.nodePath") || process.execPath,
    memoryLimitBytes: limit > 0 ? limit * 2 ** 20 : undefined,
    defaultBits: settings.get<number>("defaultBits", 4),
    notifications: settings.get<boolean>("notifications", true),
  };
}
