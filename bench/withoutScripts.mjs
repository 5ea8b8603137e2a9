/**
 * @file Whether the last commit works with packages that were installed without their scripts: `node bench/withoutScripts.mjs`. A fresh copy, `npm ci
 * --ignore-scripts`, type check, build, a network quantized to 4 bits, a VSIX. Prints one JSON line, with the packages that have install scripts.
 */
import { execFileSync, execSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "brecq-without-scripts-"));
const sample = "samples/cifar10-resnet20";
try {
  execSync(`git -C "${root}" archive HEAD | tar -x -C "${folder}"`);
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  run(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit"]);
  run(process.execPath, ["esbuild.mjs"]);
  const calibration = ["--calibration", `${sample}/calibration`, "--count", "64"];
  const printed = run(process.execPath, [
    "dist/cli.mjs",
    "quantize",
    `${sample}/resnet20.onnx`,
    ...calibration,
    "--steps",
    "20",
    "--output",
    "w4.onnx",
    "--json",
  ]);
  const { metrics, versions } = JSON.parse(printed);
  const vsix = run(process.execPath, ["scripts/package.mjs", "--target", `${process.platform}-${process.arch}`]).trim();
  console.log(
    JSON.stringify({ benchmark: "withoutScripts", agreement: metrics.agreement, ...versions, vsix, packagesWithScripts: packagesWithScripts() }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(command, args) {
  return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** Those of the lock file whose scripts npm would run, had it not been told otherwise. */
function packagesWithScripts() {
  const { packages } = JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8"));
  return Object.entries(packages).flatMap(([name, { hasInstallScript }]) => (hasInstallScript ? [name.replace("node_modules/", "")] : []));
}
