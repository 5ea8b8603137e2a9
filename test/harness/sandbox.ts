import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Settings that keep VS Code quiet, quick and the same from run to run. */
const quietSettings = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.layoutControl.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "chat.disableAIFeatures": true,
  "git.enabled": false,
  "window.confirmBeforeClose": "never",
  "window.commandCenter": false,
  "window.restoreWindows": "none",
  "security.workspace.trust.startupPrompt": "never",
  "security.workspace.trust.banner": "never",
};

/** A throw-away home with user data, extensions and a copy of a workspace. */
export interface Sandbox {
  folder: string;
  workspace: string;
  userData: string;
  extensions: string;
  home: string;
  remove(): void;
}

export function makeSandbox(workspace: string, settings: Record<string, unknown>): Sandbox {
  const folder = mkdtempSync(join(tmpdir(), "brecq-vscode-"));
  const at = (...parts: string[]) => join(folder, ...parts);
  for (const name of ["data/User", "extensions", "home", "tmp"]) mkdirSync(at(name), { recursive: true });
  cpSync(workspace, at("workspace"), { recursive: true });
  writeFileSync(at("data/User/settings.json"), JSON.stringify({ ...quietSettings, ...settings }, undefined, 2));
  return {
    folder,
    workspace: at("workspace"),
    userData: at("data"),
    extensions: at("extensions"),
    home: at("home"),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}

/** The environment of the VS Code under test: nothing of the one that may have started the tests. */
export function sandboxEnvironment(sandbox: Sandbox, extra: Record<string, string> = {}): Record<string, string> {
  const foreign = /^(VSCODE_|npm_|NODE_OPTIONS$|PORT$|PASSWORD$|ELECTRON_)/;
  const inherited = Object.entries(process.env).filter(([name, value]) => value !== undefined && !foreign.test(name)) as [string, string][];
  return {
    ...Object.fromEntries(inherited),
    HOME: sandbox.home,
    TMPDIR: join(sandbox.folder, "tmp"),
    XDG_CONFIG_HOME: join(sandbox.home, ".config"),
    XDG_DATA_HOME: join(sandbox.home, ".local/share"),
    XDG_CACHE_HOME: join(sandbox.home, ".cache"),
    EXTENSIONS_GALLERY: '{"serviceUrl":""}',
    ...extra,
  };
}
