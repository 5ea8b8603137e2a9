/** @file A run that takes seconds, in a folder of its own, and what must hold of that folder at any moment. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildCommandLine } from "../../esbuild.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sample = path.join(root, "samples/cifar10-resnet20");
/** Inside the repository, where the native modules are found. */
const bundleFolder = path.join(root, ".artifacts", `durability-${process.pid}`);
const cli = path.join(bundleFolder, "cli.mjs");
const runName = "short";

export async function bundle() {
  await buildCommandLine(cli);
  process.on("exit", () => rmSync(bundleFolder, { recursive: true, force: true }));
}

/** A folder with a config of one short run of the sample network: 11 blocks of 3 steps, 8 images. `within` is a folder to make it in. */
export function makeRun(within = tmpdir()) {
  const folder = mkdtempSync(path.join(within, "brecq-durability-"));
  mkdirSync(path.join(folder, "short.results", runName), { recursive: true });
  for (const name of ["resnet20.onnx", "calibration"]) symlinkSync(path.join(sample, name), path.join(folder, name));
  const config = path.join(folder, "short.brecq.json");
  const text = {
    model: "resnet20.onnx",
    calibration: { images: "calibration", count: 8 },
    runs: { [runName]: { weights: 2, steps: 3, export: "native" } },
  };
  writeFileSync(config, JSON.stringify(text));
  const results = path.join(folder, "short.results", runName);
  return { folder, config, results, model: path.join(results, "model.onnx"), result: path.join(results, "result.json") };
}

export function removeRun({ folder }) {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Starts the run. `shell` goes before node's command, as `ulimit` does.
 * @returns the child, and a promise of how it ends
 */
export function start(run, { resume = false, nodeArguments = [], shell, env = {} } = {}) {
  const command = [process.execPath, ...nodeArguments, cli, "run", run.config, "--threads", "1", ...(resume ? ["--resume"] : [])];
  const [file, args] = shell ? ["sh", ["-c", `${shell}; exec "$@"`, "sh", ...command]] : [command[0], command.slice(1)];
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ORT_DISABLE_TELEMETRY: "1", ...env } });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stderr })));
  return { child, ended };
}

export function finish(run, options) {
  return start(run, options).ended;
}

/** Of a file's content; undefined where it is absent. */
export function digest(file) {
  return existsSync(file) ? createHash("sha256").update(readFileSync(file)).digest("hex") : undefined;
}

/** What is wrong in a folder whose run was broken off: files that are there must be whole, and a result never without its model. */
export function halfWritten(run, expected) {
  const model = digest(run.model);
  if (model !== undefined && model !== expected) return "model.onnx is not the file that the run makes";
  if (!existsSync(run.result)) return undefined;
  if (model === undefined) return "result.json has no model.onnx";
  try {
    JSON.parse(readFileSync(run.result, "utf8"));
    return undefined;
  } catch {
    return "result.json is cut off";
  }
}

/** Goes on with a run that was broken off; gives what is wrong with its end, or undefined. */
export async function wrongAfterResume(run, expected) {
  const broken = halfWritten(run, expected);
  if (broken) return broken;
  const { code, stderr } = await finish(run, { resume: true });
  if (code !== 0) return `resuming failed: ${stderr.trim().split("\n").at(-1)}`;
  if (digest(run.model) !== expected) return "the resumed file is another one";
  for (const line of readFileSync(path.join(run.results, "log.jsonl"), "utf8").trimEnd().split("\n")) JSON.parse(line);
  const names = readdirSync(run.results).toSorted().join(" ");
  return names === "log.jsonl model.onnx result.json" ? undefined : `left behind: ${names}`;
}
