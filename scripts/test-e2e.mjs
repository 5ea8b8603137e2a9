/**
 * @file Drives a real VS Code as a user does, with the extension installed from its package. `--grep TEXT` picks tests;
 * BRECQ_VSIX names a package that is there already.
 */

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import Mocha from "mocha";
import { build } from "../esbuild.mjs";
import { ensureDisplay } from "./vscode/display.mjs";
import { installVscode, root } from "./vscode/install.mjs";

const vscode = await installVscode();
ensureDisplay(vscode);
process.env.BRECQ_TEST_VSCODE = JSON.stringify(vscode);
process.env.BRECQ_TEST_ARTIFACTS = path.join(root, ".artifacts");
process.env.BRECQ_VSIX ??= packageForThisMachine();
await build({ tests: true, engine: false });

const started = Date.now();
// A step needs what those before it did, so the first failure ends it.
const mocha = new Mocha({ ui: "tdd", bail: true, timeout: 180_000, slow: 60_000, grep: grepOption() });
const folder = path.join(root, "dist/test/e2e");
for (const name of readdirSync(folder).sort()) if (name.endsWith(".spec.mjs")) mocha.addFile(path.join(folder, name));
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  console.log(`${vscode.kind}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${runner.stats.passes} passed, ${failures} failed`);
  process.exit(failures > 0 || runner.stats.passes === 0 ? 1 : 0);
});

function packageForThisMachine() {
  const target = `${process.platform}-${process.arch}`;
  execFileSync(process.execPath, [path.join(root, "scripts/package.mjs"), "--target", target], { cwd: root, stdio: "inherit" });
  return readdirSync(path.join(root, ".artifacts"))
    .filter((name) => name.startsWith(`brecq-${target}-`) && name.endsWith(".vsix"))
    .map((name) => path.join(root, ".artifacts", name))
    .at(-1);
}

function grepOption() {
  const at = process.argv.indexOf("--grep");
  return at < 0 ? undefined : process.argv[at + 1];
}
