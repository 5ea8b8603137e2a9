/**
 * @file Makes a VSIX from the last commit twice, in two folders, and compares the bytes: `node bench/reproducible.mjs [--target linux-x64]`.
 * Both take their packages from this folder's node_modules.
 */
import { execFileSync, execSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { target: { type: "string", default: `${process.platform}-${process.arch}` } } });
const [first, second] = [packageOnce(), packageOnce()];
const same = first.sha256 === second.sha256;
console.log(JSON.stringify({ benchmark: "reproducible", target: values.target, same, ...first }));
process.exitCode = same ? 0 : 1;

function packageOnce() {
  const folder = mkdtempSync(path.join(tmpdir(), "brecq-package-"));
  try {
    execSync(`git -C "${root}" archive HEAD | tar -x -C "${folder}"`);
    symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
    execFileSync(process.execPath, ["scripts/package.mjs", "--target", values.target], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    const artifacts = path.join(folder, ".artifacts");
    const bytes = readFileSync(
      path.join(
        artifacts,
        readdirSync(artifacts).find((name) => name.endsWith(".vsix")),
      ),
    );
    return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
