#!/usr/bin/env node
/** @file The `brecq` command. */
import { fileURLToPath } from "node:url";
import { nearestName } from "../config/suggestions.ts";
import { CancelledError, errorMessage, UserError } from "../engine/errors.ts";
import { machineError } from "../worker/systemErrors.ts";
import { brecqVersion } from "../worker/version.ts";
import type { Command } from "./commandLine.ts";
import { commonHelp } from "./commandLine.ts";
import { baselinesCommand } from "./commands/baselines.ts";
import { compareCommand } from "./commands/compare.ts";
import { distillCommand } from "./commands/distill.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { exportCommand } from "./commands/export.ts";
import { initCommand } from "./commands/init.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import { runCommand } from "./commands/run.ts";
import { searchCommand } from "./commands/search.ts";
import { sensitivityCommand } from "./commands/sensitivity.ts";
import { sweepCommand } from "./commands/sweep.ts";
import { workerCommand } from "./commands/worker.ts";
import { progressPrinter } from "./progressPrinter.ts";

const commands: readonly Command[] = [
  inspectCommand,
  initCommand,
  runCommand,
  quantizeCommand,
  sensitivityCommand,
  searchCommand,
  evaluateCommand,
  compareCommand,
  baselinesCommand,
  sweepCommand,
  workerCommand,
  distillCommand,
  exportCommand,
];

/** Exit codes: 0 done, 1 the user can mend it, 2 a defect, 130 interrupted (as shells have it). */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") return help(name === "help" ? rest[0] : undefined);
  if (name === "--version" || name === "-v") return say(brecqVersion);
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) return unknownCommand(name);
  if (rest.includes("--help") || rest.includes("-h")) return help(name);
  return await runCommandSafely(command, rest);
}

async function runCommandSafely(command: Command, args: readonly string[]): Promise<number> {
  const abort = new AbortController();
  const progress = progressPrinter(process.stderr);
  // The first Ctrl-C stops at the next step and leaves the run resumable; a second one ends at once.
  process.once("SIGINT", () => {
    abort.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  process.once("SIGTERM", () => abort.abort());
  try {
    // It lies beside this bundle; from any other module the path would depend on how the bundles are cut.
    const workerScript = fileURLToPath(new URL("./worker.mjs", import.meta.url));
    const print = (text: string) => void process.stdout.write(`${text}\n`);
    await command.run(args, { report: progress.report, signal: abort.signal, workerScript, print });
    progress.done();
    return 0;
  } catch (thrown) {
    progress.done();
    const error = machineError(thrown);
    if (error instanceof CancelledError || abort.signal.aborted) {
      const kept =
        command === runCommand
          ? " Finished blocks are kept: go on with brecq run CONFIG RUN --resume."
          : command === sweepCommand
            ? " What is finished is kept: the same command goes on."
            : "";
      process.stderr.write(`Cancelled.${kept}\n`);
      return 130;
    }
    if (error instanceof UserError) return fail(error.toLine());
    process.stderr.write(`brecq: this is a defect, please report it: ${error instanceof Error ? error.stack : errorMessage(error)}\n`);
    return 2;
  }
}

function help(name: string | undefined): number {
  const command = commands.find((candidate) => candidate.name === name);
  if (name !== undefined && !command) return unknownCommand(name);
  return say(command ? commandHelp(command) : overview());
}

function unknownCommand(name: string): number {
  const near = nearestName(
    name,
    commands.map((command) => command.name),
  );
  return fail(`There is no command "${name}". ${near ? `Did you mean "${near}"?` : "See brecq --help."}`);
}

function overview(): string {
  const width = Math.max(...commands.map(({ name, usage }) => name.length + usage.length + 1));
  const lines = commands.map(({ name, usage, summary }) => `  brecq ${`${name} ${usage}`.padEnd(width)}  ${summary}`);
  return `brecq ${brecqVersion}: post-training quantization of ONNX networks by block reconstruction\n\n${lines.join("\n")}\n\nEvery command takes --json and --help. Progress goes to standard error, results to standard output.`;
}

function commandHelp({ name, usage, summary, options }: Command): string {
  const all = [...options, ...commonHelp];
  const width = Math.max(...all.map(([flag]) => flag.length));
  return `brecq ${name} ${usage}\n\n${summary}\n\n${all.map(([flag, meaning]) => `  ${flag.padEnd(width)}  ${meaning}`).join("\n")}`;
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(message: string): number {
  process.stderr.write(`brecq: ${message}\n`);
  return 1;
}

// A reader that has seen enough, such as `head`, is no defect.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
process.exitCode = await main(process.argv.slice(2));
