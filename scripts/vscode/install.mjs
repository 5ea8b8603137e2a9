/**
 * @file Puts a real VS Code for tests into `.vscode-test/` (outside git): Microsoft's build where it can be downloaded, else
 * code-server from npm with Chromium. `BRECQ_VSCODE=electron|code-server` forces one of them.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const cache = path.join(root, ".vscode-test");

/** code-server 4.139 wants Node 24 exactly, so it gets its own. */
const codeServerPackages = { "code-server": "4.139.1", [`node-linux-${process.arch}`]: "24.21.0" };
const vscodeVersion = "stable";
const downloadHost = "https://update.code.visualstudio.com/api/releases/stable";

/**
 * @typedef {{ kind: "electron", executable: string }} Electron
 * @typedef {{ kind: "code-server", node: string, entry: string, chromium: string }} CodeServer
 */

/** Installs what is missing and says what there is. Quick where everything is there already. @returns {Promise<Electron | CodeServer>} */
export async function installVscode(log = console.log) {
  const forced = process.env.BRECQ_VSCODE;
  if (forced && forced !== "electron" && forced !== "code-server") {
    throw new Error(`BRECQ_VSCODE is "${forced}"; it can be "electron" or "code-server".`);
  }
  mkdirSync(cache, { recursive: true });
  const kind = forced ?? (await rememberedOrReachable());
  return kind === "electron" ? await installElectron(log) : installCodeServer(log);
}

/** The flavour that an earlier set-up chose, so that a cached set-up asks the network nothing. */
async function rememberedOrReachable() {
  const file = path.join(cache, "flavour");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const reachable = await fetch(downloadHost, { signal: AbortSignal.timeout(8000) }).then(
    (response) => response.ok,
    () => false,
  );
  const kind = reachable || process.platform !== "linux" ? "electron" : "code-server";
  writeFileSync(file, kind);
  return kind;
}

async function installElectron(log) {
  const { downloadAndUnzipVSCode } = await import("@vscode/test-electron");
  log(`VS Code ${vscodeVersion} (Electron) in ${cache}`);
  return { kind: "electron", executable: await downloadAndUnzipVSCode({ version: vscodeVersion, cachePath: cache }) };
}

function installCodeServer(log) {
  if (process.platform !== "linux") throw new Error("The tests run code-server on Linux only: unset BRECQ_VSCODE or set it to electron.");
  const folder = path.join(cache, "code-server");
  const modules = path.join(folder, "node_modules");
  const node = path.join(modules, `node-linux-${process.arch}`, "bin/node");
  const chromium = process.env.CHROMIUM ?? installChromium(log);
  const stamp = path.join(folder, "installed.json");
  const wanted = JSON.stringify(codeServerPackages);
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    log(
      `Installing ${Object.entries(codeServerPackages)
        .map((entry) => entry.join("@"))
        .join(", ")} into ${folder}`,
    );
    installCodeServerPackages(folder, modules, node);
    writeFileSync(stamp, wanted);
  }
  return { kind: "code-server", node, entry: path.join(modules, "code-server/out/node/entry.js"), chromium };
}

function installCodeServerPackages(folder, modules, node) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "vscode-for-tests", private: true, dependencies: codeServerPackages }));
  const env = { ...process.env, npm_config_nodedir: path.dirname(path.dirname(node)), PATH: `${path.dirname(node)}:${process.env.PATH}` };
  const npm = (cwd, ...args) => execFileSync("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd, env, stdio: "inherit" });
  // Without scripts: code-server's own postinstall compiles modules that tests do not need and wants system libraries.
  npm(folder, "install", "--ignore-scripts");
  const vscode = path.join(modules, "code-server/lib/vscode");
  npm(vscode, "install", "--omit=dev", "--ignore-scripts");
  npm(vscode, "rebuild", "@vscode/spdlog", "@vscode/native-watchdog");
}

function installChromium(log) {
  const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = candidates.find((file) => existsSync(file));
  if (found) return found;
  if (process.getuid?.() !== 0)
    throw new Error("Chromium is missing: install it (apt-get install chromium) or set CHROMIUM to a Chromium or Chrome.");
  log("Installing Debian's chromium");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["update", "-qq"], { env, stdio: "inherit" });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], { env, stdio: "inherit" });
  return candidates[0];
}
