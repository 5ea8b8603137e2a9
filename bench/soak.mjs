/**
 * @file Many short runs in one session of a real VS Code: `node bench/soak.mjs [--runs 200] [--snapshots FOLDER]` (Linux). Most are done by the tests' pretended worker, every tenth
 * by the real one on the bundled network; some are killed, some cancelled. Prints one JSON line every ten runs, what the extension host holds after a garbage
 * collection, and one with the growth. Exits with 1 where a run ends otherwise than it should, the host grows, or a process is left.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { build as bundle } from "esbuild";
import { build } from "../esbuild.mjs";
import { ensureDisplay } from "../scripts/vscode/display.mjs";
import { installVscode, root } from "../scripts/vscode/install.mjs";

/** What the host may hold more of at the end than after a quarter of the runs. */
const allowed = { heapBytes: 8e6, rssBytes: 64e6, resources: 5 };

const { values } = parseArgs({ options: { runs: { type: "string", default: "200" }, snapshots: { type: "string" } } });
const runs = Number(values.runs);
const vscode = await installVscode();
ensureDisplay(vscode);
await build({ tests: true });
await bundle({
  absWorkingDir: root,
  entryPoints: ["bench/soak/host.ts"],
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["vscode"],
  outfile: "dist/bench/soakHost.cjs",
});
process.env.BRECQ_TEST_VSCODE = JSON.stringify(vscode);
const { runInHost } = await import("../dist/test/harness/inHost.mjs");
const worker = path.join(root, "bench/soak/worker.mjs");
const workspace = makeWorkspace();
const started = Date.now();
try {
  const report = await runInHost({
    extension: root,
    tests: path.join(root, "dist/bench/soakHost.cjs"),
    workspace,
    env: {
      BRECQ_TEST_WORKER: worker,
      BRECQ_SOAK_RUNS: String(runs),
      ...(values.snapshots && { BRECQ_SOAK_SNAPSHOTS: path.resolve(values.snapshots) }),
    },
    timeoutMs: runs * 30_000,
  });
  for (const sample of report.samples) console.log(JSON.stringify({ benchmark: "soak", ...sample }));
  for (const failure of report.failed) console.error(failure);
  summarize(report);
} finally {
  rmSync(workspace, { recursive: true });
}

function summarize({ samples, done, failed }) {
  const [early, late] = [samples[Math.floor(samples.length / 4)], samples.at(-1)];
  const growth = Object.fromEntries(Object.keys(allowed).map((key) => [key, late[key] - early[key]]));
  const left = workersLeft();
  const good =
    failed.length === 0 && late.children === early.children && left === 0 && Object.keys(allowed).every((key) => growth[key] <= allowed[key]);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(
    JSON.stringify({ benchmark: "soak", good, ...done, failed: failed.length, since: early.run, growth, left, seconds, host: vscode.kind }),
  );
  if (!good) process.exitCode = 1;
}

/** Processes of this soak that outlived the window. */
function workersLeft() {
  const commandOf = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandOf(name).includes(worker)).length;
}

function makeWorkspace() {
  const folder = mkdtempSync(path.join(tmpdir(), "brecq-soak-"));
  const sample = path.join(root, "samples/cifar10-resnet20");
  copyFileSync(path.join(sample, "resnet20.onnx"), path.join(folder, "resnet20.onnx"));
  const images = readdirSync(path.join(sample, "calibration"), { recursive: true })
    .filter((name) => /\.jpe?g$/.test(name))
    .slice(0, 32);
  mkdirSync(path.join(folder, "calibration"));
  for (const [i, image] of images.entries()) copyFileSync(path.join(sample, "calibration", image), path.join(folder, "calibration", `${i}.jpg`));
  const config = { model: "resnet20.onnx", calibration: { images: "calibration", count: 32 } };
  writeFileSync(path.join(folder, "real.brecq.json"), JSON.stringify({ ...config, runs: { w4: { weights: 4, steps: 3 } } }));
  writeFileSync(path.join(folder, "fake.brecq.json"), JSON.stringify({ ...config, runs: { w4: {}, slow: {}, crash: {} } }, undefined, 2));
  return folder;
}
