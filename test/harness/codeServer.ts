import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { type Sandbox, sandboxEnvironment } from "./sandbox.ts";
import type { InstalledVscode } from "./vscode.ts";

type Installed = Extract<InstalledVscode, { kind: "code-server" }>;

export interface CodeServer {
  /** Address of a window on the workspace; `payload` passes options that desktop VS Code takes on its command line. */
  url(payload?: [string, string][]): string;
  /** A path as the browser's workbench names it. */
  remoteUri(path: string): string;
  stop(): Promise<void>;
}

export interface CodeServerOptions {
  trusted: boolean;
  /** Without it a built workbench ignores extensionTestsPath; with it, toasts are hidden. */
  smokeTestDriver: boolean;
  env?: Record<string, string>;
}

export async function startCodeServer(installed: Installed, sandbox: Sandbox, options: CodeServerOptions): Promise<CodeServer> {
  writeFileSync(join(sandbox.folder, "config.yaml"), "auth: none\ncert: false\n");
  const args = [installed.entry, ...folders(sandbox), "--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry"];
  args.push("--disable-update-check", "--disable-getting-started-override", "--disable-proxy", "--ignore-last-opened");
  if (options.trusted) args.push("--disable-workspace-trust");
  if (options.smokeTestDriver) args.push("--vscode-option", "enable-smoke-test-driver");
  // A process group of its own, so that the extension hosts end with it.
  const child = spawn(installed.node, args, { env: environment(installed, sandbox, options.env), stdio: ["ignore", "pipe", "pipe"], detached: true });
  const authority = `127.0.0.1:${await listeningPort(child)}`;
  return {
    url(payload = []) {
      const url = new URL(`http://${authority}/`);
      url.searchParams.set("folder", sandbox.workspace);
      if (payload.length > 0) url.searchParams.set("payload", JSON.stringify(payload));
      return url.href;
    },
    remoteUri: (path) => `vscode-remote://${authority}${path}`,
    stop: () => stopGroup(child),
  };
}

export function installVsixInCodeServer(installed: Installed, sandbox: Sandbox, vsix: string): void {
  writeFileSync(join(sandbox.folder, "config.yaml"), "auth: none\ncert: false\n");
  execFileSync(installed.node, [installed.entry, ...folders(sandbox), "--install-extension", vsix], {
    env: environment(installed, sandbox),
    stdio: "pipe",
  });
}

export async function openBrowser(installed: Installed, sandbox: Sandbox): Promise<{ context: BrowserContext; page: Page }> {
  const context = await chromium.launchPersistentContext(mkdtempSync(join(sandbox.folder, "chromium-")), {
    executablePath: installed.chromium,
    headless: true,
    viewport: { width: 1400, height: 900 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
  });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  return { context, page: context.pages()[0] ?? (await context.newPage()) };
}

function folders(sandbox: Sandbox): string[] {
  return ["--config", join(sandbox.folder, "config.yaml"), "--user-data-dir", sandbox.userData, "--extensions-dir", sandbox.extensions];
}

function environment(installed: Installed, sandbox: Sandbox, extra: Record<string, string> = {}): Record<string, string> {
  return sandboxEnvironment(sandbox, { ...extra, PATH: `${dirname(installed.node)}:${process.env.PATH}` });
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why: string) => reject(new Error(`code-server ${why}\n${output}`));
    const limit = setTimeout(() => fail("did not listen within 60 s"), 60_000);
    child.once("exit", (code) => fail(`exited with ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        output += chunk;
        const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        if (!port) return;
        clearTimeout(limit);
        resolve(Number(port));
      });
    }
  });
}

function stopGroup(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || !child.pid) return resolve();
    const signalGroup = (signal: NodeJS.Signals) => {
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // The group has ended already.
      }
    };
    const limit = setTimeout(() => signalGroup("SIGKILL"), 5000);
    child.once("exit", () => {
      clearTimeout(limit);
      resolve();
    });
    signalGroup("SIGTERM");
  });
}
