import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "node:util";
import { openBrowser, startCodeServer } from "./codeServer.ts";
import { makeSandbox, type Sandbox, sandboxEnvironment } from "./sandbox.ts";
import { type InstalledVscode, installedVscode } from "./vscode.ts";

export interface SuiteReport {
  passed: string[];
  failed: { title: string; error: string }[];
}

export interface SuiteOptions {
  /** Folder of the extension under test. */
  extension: string;
  /** Module whose `run()` runs the suites. */
  tests: string;
  workspace: string;
  env?: Record<string, string>;
  timeoutMs: number;
}

/** Runs mocha suites inside the extension host of a real VS Code. */
export async function runInHost(options: SuiteOptions): Promise<SuiteReport> {
  const sandbox = makeSandbox(options.workspace, { "security.workspace.trust.enabled": false });
  const reportFile = join(sandbox.folder, "report.json");
  const env = { ...options.env, BRECQ_TEST_REPORT: reportFile, ORT_DISABLE_TELEMETRY: "1" };
  try {
    const log = await launch(installedVscode(), sandbox, { ...options, env });
    if (!existsSync(reportFile)) throw new Error(`The suites wrote no report. The last lines of the log:\n${log.slice(-40).join("\n")}`);
    return JSON.parse(readFileSync(reportFile, "utf8"));
  } finally {
    sandbox.remove();
  }
}

/** Starts VS Code, waits until its suites have ended, and gives its log. */
async function launch(installed: InstalledVscode, sandbox: Sandbox, options: SuiteOptions): Promise<string[]> {
  return installed.kind === "electron" ? launchElectron(installed.executable, sandbox, options) : launchCodeServer(installed, sandbox, options);
}

async function launchElectron(executable: string, sandbox: Sandbox, options: SuiteOptions): Promise<string[]> {
  const { runTests } = await import("@vscode/test-electron");
  const args = [sandbox.workspace, "--disable-extensions", "--no-sandbox", "--disable-gpu", "--skip-welcome", "--disable-workspace-trust"];
  args.push("--user-data-dir", sandbox.userData, "--extensions-dir", sandbox.extensions);
  const exit = await runTests({
    vscodeExecutablePath: executable,
    extensionDevelopmentPath: options.extension,
    extensionTestsPath: options.tests,
    launchArgs: args,
    extensionTestsEnv: sandboxEnvironment(sandbox, options.env),
  }).catch((error: unknown) => error);
  return [`VS Code ended with ${exit}`];
}

async function launchCodeServer(installed: Extract<InstalledVscode, { kind: "code-server" }>, sandbox: Sandbox, options: SuiteOptions) {
  const log: string[] = [];
  const server = await startCodeServer(installed, sandbox, { trusted: true, smokeTestDriver: true, env: options.env });
  const browser = await openBrowser(installed, sandbox);
  try {
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(
        () => reject(new Error(`The suites took over ${options.timeoutMs} ms:\n${log.slice(-40).join("\n")}`)),
        options.timeoutMs,
      );
      const { page } = browser;
      page.on("crash", () => reject(new Error("The browser page crashed.")));
      const open = async () => {
        await page.exposeFunction("codeAutomationLog", (_type: string, parts: unknown[]) => log.push(format(...parts)));
        await page.exposeFunction("codeAutomationExit", () => {
          clearTimeout(limit);
          resolve();
        });
        await page.goto(
          server.url([
            ["extensionDevelopmentPath", server.remoteUri(options.extension)],
            ["extensionTestsPath", server.remoteUri(options.tests)],
            ["skipWelcome", "true"],
          ]),
          // On a busy machine the workbench takes long to load; the limit of the suites counts.
          { waitUntil: "commit", timeout: options.timeoutMs },
        );
      };
      open().catch(reject);
    });
  } finally {
    await browser.context.close();
    await server.stop();
  }
  return log;
}
