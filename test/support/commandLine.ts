/** @file The bundled `brecq` command as a child process. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { buildCommandLine } from "../../esbuild.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

export const sampleFolder: string = join(root, "samples/cifar10-resnet20");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  /** Told of standard error as it comes; may stop the child. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  readonly user?: number;
}

export type CommandLine = (args: readonly string[], options?: CallOptions) => Promise<Finished>;

/** Bundles the command before a file's tests, into a folder of their own, and gives the function that calls it. */
export function bundledCommand(): CommandLine {
  // Inside the repository, where the native modules are found.
  const folder = join(root, ".artifacts", `cli-test-${process.pid}`);
  const file = join(folder, "cli.mjs");
  beforeAll(() => buildCommandLine(file));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (args, options) => call(file, args, options);
}

function call(file: string, args: readonly string[], { cwd = root, onStderr, user }: CallOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd, uid: user, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onStderr?.(stderr, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
