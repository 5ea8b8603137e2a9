/** @file The module that VS Code calls to run the suites: `run()` must return a promise. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Mocha from "mocha";

export function run(): Promise<void> {
  const mocha = new Mocha({ ui: "tdd", color: false, timeout: 120_000, grep: process.env.BRECQ_TEST_GREP });
  const suites = join(__dirname, "suites");
  for (const name of readdirSync(suites).sort()) if (name.endsWith(".suite.cjs")) mocha.addFile(join(suites, name));
  const report = { passed: [] as string[], failed: [] as { title: string; error: string }[] };
  return new Promise((resolve, reject) => {
    mocha
      .run((failures) => {
        writeFileSync(process.env.BRECQ_TEST_REPORT!, JSON.stringify(report));
        if (failures > 0) reject(new Error(`${failures} failed`));
        else resolve();
      })
      .on("pass", (test) => report.passed.push(test.fullTitle()))
      .on("fail", (test, error) => report.failed.push({ title: test.fullTitle(), error: error.stack ?? String(error) }));
  });
}
