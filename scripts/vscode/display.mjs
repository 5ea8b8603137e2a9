import { spawnSync } from "node:child_process";

/** Electron needs a display: on a headless Linux the script starts itself again under Xvfb. */
export function ensureDisplay(vscode) {
  if (vscode.kind !== "electron" || process.platform !== "linux" || process.env.DISPLAY) return;
  const { status, error } = spawnSync("xvfb-run", ["-a", process.execPath, ...process.argv.slice(1)], { stdio: "inherit" });
  if (error) throw new Error("Electron needs a display and xvfb-run is missing: install xvfb, or set BRECQ_VSCODE=code-server.");
  process.exit(status ?? 1);
}
