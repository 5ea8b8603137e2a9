/** @file The soak's part inside the extension host: VS Code calls `run()`, which does the runs one after the other and notes what the host holds. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString, writeHeapSnapshot } from "node:v8";
import { runInNewContext } from "node:vm";
import * as vscode from "vscode";

type Kind = "fake" | "real" | "crashed" | "cancelled";

interface Sample {
  readonly run: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** Timers, sockets, pipes and processes that the host holds open. */
  readonly resources: number;
  /** Processes that the host started and that still live. */
  readonly children: number;
}

const runs = Number(process.env.BRECQ_SOAK_RUNS);
/** Where to write what the heap holds after a quarter of the runs and at the end, to see what has come. */
const snapshots = process.env.BRECQ_SOAK_SNAPSHOTS;
const sampleEvery = 10;
const samples: Sample[] = [];
const done: Record<Kind, number> = { fake: 0, real: 0, crashed: 0, cancelled: 0 };
const failed: string[] = [];

export async function run(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  await vscode.extensions.getExtension("brecq.brecq")!.activate();
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file("fake.brecq.json")));
  await vscode.commands.executeCommand("brecq.runs.focus");
  // As a user who closes the message of a crash (left open, each would keep its promise) and agrees to delete results.
  vscode.window.showErrorMessage = (async () => undefined) as typeof vscode.window.showErrorMessage;
  vscode.window.showWarningMessage = (async () => "Delete") as unknown as typeof vscode.window.showWarningMessage;
  for (let index = 1; index <= runs; index++) {
    const kind = kindOf(index);
    try {
      await doRun(kind);
      done[kind]++;
    } catch (error) {
      failed.push(`run ${index} (${kind}): ${error}`);
    }
    if (index % sampleEvery === 0) samples.push(await sample(index, collectGarbage));
    if (snapshots && (index === runs / 4 || index === runs)) writeHeapSnapshot(join(snapshots, `${index}.heapsnapshot`));
  }
  writeFileSync(process.env.BRECQ_TEST_REPORT!, JSON.stringify({ passed: [], failed, done, samples }));
}

/** Of twenty runs sixteen are pretended, two real, one is killed and one cancelled. */
function kindOf(index: number): Kind {
  if (index % 10 === 0) return "real";
  if (index % 20 === 5) return "crashed";
  return index % 20 === 15 ? "cancelled" : "fake";
}

async function doRun(kind: Kind): Promise<void> {
  const config = file(kind === "real" ? "real.brecq.json" : "fake.brecq.json");
  const name = { fake: "w4", real: "w4", crashed: "crash", cancelled: "slow" }[kind];
  process.env.BRECQ_SOAK_REAL = kind === "real" ? "1" : "0";
  await vscode.commands.executeCommand("brecq.deleteResults", config, name);
  const running = vscode.commands.executeCommand("brecq.run", config, name);
  if (kind === "cancelled") {
    await delay(1000);
    await vscode.commands.executeCommand("brecq.cancel", config, name);
  }
  await running;
  const files = readdirSync(join(config.replace(".brecq.json", ".results"), name));
  const finished = files.includes("result.json");
  if (finished !== (kind === "fake" || kind === "real")) throw new Error(`the folder of results holds ${files.join(", ")}`);
}

async function sample(run: number, collectGarbage: () => void): Promise<Sample> {
  // Twice, with a pause: what finalizers let go is collected by the second.
  collectGarbage();
  await delay(200);
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  return { run, heapBytes: heapUsed, rssBytes: rss, resources: process.getActiveResourcesInfo().length, children: countChildren() };
}

function countChildren(): number {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === process.pid).length;
}

function parentOf(pid: string): number | undefined {
  try {
    // "pid (command) state parent …"; the command may hold anything.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")[1]);
  } catch {
    return undefined;
  }
}

function file(name: string): string {
  return join(vscode.workspace.workspaceFolders![0]!.uri.fsPath, name);
}
