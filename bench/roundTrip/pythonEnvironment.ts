/** @file The bench's own Python environment: made once in .artifacts, and again where the requirements have changed. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const requirements = "bench/roundTrip/requirements.txt";

/**
 * The Python of a virtual environment with the packages of requirements.txt.
 * @param folder where the environment lies or is made
 * @throws Error that says what is missing where Python 3, its module venv or a package cannot be had
 */
export function preparePython(folder: string): string {
  const windows = process.platform === "win32";
  const python = windows ? join(folder, "Scripts/python.exe") : join(folder, "bin/python");
  const stamp = join(folder, "requirements.txt");
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  rmSync(folder, { recursive: true, force: true });
  run(windows ? "python" : "python3", ["-m", "venv", folder], "Python 3.10 or later with its module venv is needed");
  run(python, ["-m", "pip", "install", "--quiet", "-r", requirements], `pip cannot install ${wanted.trim().split("\n").join(", ")}`);
  writeFileSync(stamp, wanted);
  return python;
}

function run(command: string, args: readonly string[], missing: string): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error ?? status !== 0) throw new Error(`${missing}: ${(error?.message ?? stderr).trim().split("\n").at(-1)}`);
}
