/** @file Runs the suites of test/extension inside a real VS Code's extension host. `--grep TEXT` picks tests. */
import path from "node:path";
import { build } from "../esbuild.mjs";
import { ensureDisplay } from "./vscode/display.mjs";
import { installVscode, root } from "./vscode/install.mjs";

const vscode = await installVscode();
ensureDisplay(vscode);
await build({ tests: true, engine: false });
process.env.BRECQ_TEST_VSCODE = JSON.stringify(vscode);
const { runInHost } = await import("../dist/test/harness/inHost.mjs");

const started = Date.now();
const report = await runInHost({
  extension: root,
  tests: path.join(root, "dist/test/extension/run.cjs"),
  workspace: path.join(root, "test/extension/fixtures/workspace"),
  env: { BRECQ_TEST_WORKER: path.join(root, "dist/test/extension/fixtures/fakeWorker.mjs"), ...grepOption() },
  timeoutMs: 900_000,
});
for (const title of report.passed) console.log(`  ok ${title}`);
for (const { title, error } of report.failed) console.log(`  FAILED ${title}\n    ${error.split("\n").slice(0, 14).join("\n    ")}`);
console.log(`${vscode.kind}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
console.log(`${report.passed.length} passed, ${report.failed.length} failed`);
process.exitCode = report.failed.length > 0 || report.passed.length === 0 ? 1 : 0;

function grepOption() {
  const at = process.argv.indexOf("--grep");
  return at < 0 ? {} : { BRECQ_TEST_GREP: process.argv[at + 1] };
}
