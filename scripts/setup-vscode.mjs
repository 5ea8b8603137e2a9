/** @file Installs the VS Code that the extension's tests run in: `node scripts/setup-vscode.mjs`. */
import { installVscode } from "./vscode/install.mjs";

const started = Date.now();
const vscode = await installVscode();
console.log(`${vscode.kind}: ${vscode.kind === "electron" ? vscode.executable : vscode.entry} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
