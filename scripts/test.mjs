/**
 * @file `npm test`: unit tests, then the suites in a real VS Code, then end to end as a user. Ends with the sum of all.
 * `--unit` stops after the unit tests.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { installDependencies, root } from "./dependencies.mjs";

installDependencies();
const total = { passed: 0, failed: 0, skipped: 0 };
runVitest();
if (!process.argv.includes("--unit")) for (const script of ["test-extension.mjs", "test-e2e.mjs"]) runSuite(script);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

function runVitest() {
  const report = path.join(root, ".artifacts/vitest.json");
  const { status } = run(
    ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    "inherit",
  );
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
  add(numPassedTests, numFailedTests, numPendingTests);
  // A file that does not even load has no failed test.
  if (status !== 0 && numFailedTests === 0) total.failed++;
}

/** A script that ends with a line "N passed, N failed". */
function runSuite(script) {
  const { status, stdout } = run([path.join("scripts", script)], ["inherit", "pipe", "inherit"]);
  const text = stdout?.toString() ?? "";
  process.stdout.write(text);
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(text) ?? [];
  add(Number(passed ?? 0), Number(failed ?? 0), 0);
  if (status !== 0 && Number(failed ?? 0) === 0) {
    console.log(`${script} ended with ${status}`);
    total.failed++;
  }
}

function run(args, stdio) {
  return spawnSync(process.execPath, args, { cwd: root, stdio, maxBuffer: 2 ** 28 });
}

function add(passed, failed, skipped) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}
