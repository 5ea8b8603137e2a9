import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { _electron, type FrameLocator, type Page } from "playwright-core";
import { installVsixInCodeServer, openBrowser, startCodeServer } from "./codeServer.ts";
import { makeSandbox, type Sandbox, sandboxEnvironment } from "./sandbox.ts";
import { type InstalledVscode, installedVscode } from "./vscode.ts";

export interface WorkbenchOptions {
  /** Folder that a copy is opened of. */
  workspace: string;
  vsix: string;
  settings?: Record<string, unknown>;
  trusted?: boolean;
}

/** A VS Code window with the extension installed from its package, as a user has it. */
export interface Workbench {
  page: Page;
  /** The copy of the workspace that is open. */
  workspace: string;
  close(): Promise<void>;
}

/** A busy machine takes long to load the workbench. */
const startMs = 120_000;

export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const trusted = options.trusted ?? true;
  const sandbox = makeSandbox(options.workspace, { "security.workspace.trust.enabled": !trusted, ...options.settings });
  const installed = installedVscode();
  const window = installed.kind === "electron" ? await openElectron(installed, sandbox, options) : await openCodeServer(installed, sandbox, options);
  window.page.setDefaultTimeout(30_000);
  await window.page.locator(".monaco-workbench").waitFor({ timeout: startMs });
  return {
    page: window.page,
    workspace: sandbox.workspace,
    close: async () => {
      await window.close();
      sandbox.remove();
    },
  };
}

/** The document inside an extension's webview: workbench → shell frame → content frame. */
export function webviewFrame(page: Page): FrameLocator {
  return page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame");
}

/** Keeps a picture of the window among the test artifacts. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(process.env.BRECQ_TEST_ARTIFACTS ?? ".artifacts", "screenshots");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

type Window = { page: Page; close: () => Promise<void> };

async function openCodeServer(
  installed: Extract<InstalledVscode, { kind: "code-server" }>,
  sandbox: Sandbox,
  options: WorkbenchOptions,
): Promise<Window> {
  installVsixInCodeServer(installed, sandbox, options.vsix);
  const server = await startCodeServer(installed, sandbox, { trusted: options.trusted ?? true, smokeTestDriver: false });
  const { context, page } = await openBrowser(installed, sandbox);
  await page.goto(server.url(), { waitUntil: "commit", timeout: startMs });
  return {
    page,
    close: async () => {
      await context.close();
      await server.stop();
    },
  };
}

async function openElectron(installed: Extract<InstalledVscode, { kind: "electron" }>, sandbox: Sandbox, options: WorkbenchOptions): Promise<Window> {
  const { resolveCliArgsFromVSCodeExecutablePath } = await import("@vscode/test-electron");
  const folders = ["--user-data-dir", sandbox.userData, "--extensions-dir", sandbox.extensions];
  const [cli, ...cliArgs] = resolveCliArgsFromVSCodeExecutablePath(installed.executable);
  // As root, VS Code's command line refuses to start without --no-sandbox.
  execFileSync(cli!, [...cliArgs, ...folders, "--no-sandbox", "--install-extension", options.vsix], { stdio: "pipe" });
  const app = await _electron.launch({
    executablePath: installed.executable,
    args: [sandbox.workspace, ...folders, "--no-sandbox", "--disable-gpu", "--skip-welcome", "--skip-release-notes"].concat(
      (options.trusted ?? true) ? ["--disable-workspace-trust"] : [],
    ),
    env: sandboxEnvironment(sandbox),
  });
  return { page: await app.firstWindow(), close: () => app.close() };
}
