/** @file One child process that does one job: starting it, talking to it, ending it, and saying how it ended. */
import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Progress } from "../protocol/progress.ts";
import { type FailureReason, type FromWorker, fromWorkerSchema, type Job, type JobResult, type ToWorker } from "../protocol/worker.ts";

export interface WorkerOptions {
  /** The worker's script. */
  script: string;
  /** The Node (or Electron) that runs it. */
  nodePath: string;
  /** The worker is ended when it uses more. */
  memoryLimitBytes?: number;
  /** Seconds without a sign of life after which the worker counts as hung. */
  heartbeatLimitSeconds: number;
  /** How long a worker may take to stop by itself after `cancel`. */
  cancelLimitMs: number;
  onProgress(event: Progress): void;
  /** The memory that the worker holds, each second. */
  onMemory?(bytes: number): void;
  /** Lines of the worker's output, and the protocol's own notes. */
  onLog(line: string): void;
}

export type CrashReason = "start" | "exit" | "abort" | "killed" | "memory" | "unresponsive" | "protocol";

export type WorkerOutcome =
  | { kind: "done"; result: JobResult }
  | { kind: "failed"; message: string; hint?: string; file?: string; line?: number; node?: string; expected: boolean; reason?: FailureReason }
  | { kind: "cancelled" }
  | { kind: "crashed"; reason: CrashReason; message: string };

export interface WorkerProcess {
  pid: number | undefined;
  /** Never rejects. */
  finished: Promise<WorkerOutcome>;
  /** Asks the worker to stop, and kills it when it does not. */
  cancel(): void;
  /** Ends it at once. */
  kill(): void;
}

/** How long the editor, and sweeps, wait for a worker's sign of life and for its end. */
export const usualPatience = { heartbeatLimitSeconds: 120, cancelLimitMs: 5000 } as const;

const tickMs = 1000;

export function startWorker(job: Job, options: WorkerOptions): WorkerProcess {
  const child = forkWorker(options);
  let outcome: WorkerOutcome | undefined;
  let cancelled = false;
  let silentSeconds = 0;
  let standardError = "";
  const end = (result: WorkerOutcome) => {
    outcome ??= result;
    child.kill("SIGKILL");
  };
  const watch = setInterval(() => {
    // Counted in ticks and not by the clock, so that a computer that slept does not take its worker for hung.
    silentSeconds += tickMs / 1000;
    if (silentSeconds > options.heartbeatLimitSeconds)
      end(crash("unresponsive", `It gave no sign of life for ${options.heartbeatLimitSeconds} seconds.`));
  }, tickMs);
  const finished = new Promise<WorkerOutcome>((resolve) => {
    child.once("error", (error) => {
      clearInterval(watch);
      resolve(outcome ?? crash("start", `It could not be started with ${options.nodePath}: ${error.message}`));
    });
    // "close" and not "exit": the last lines of its output are in by then.
    child.once("close", (code, signal) => {
      clearInterval(watch);
      resolve(outcome ?? (cancelled ? { kind: "cancelled" } : explainExit(code, signal, standardError)));
    });
  });
  child.on("message", (raw) => {
    silentSeconds = 0;
    const parsed = fromWorkerSchema.safeParse(raw);
    if (!parsed.success) return end(crash("protocol", `It sent a message that this extension does not know: ${parsed.error.message}`));
    outcome ??= readMessage(parsed.data, job, options);
    if (outcome?.kind === "crashed") child.kill("SIGKILL");
  });
  forwardLines(child, (line, isError) => {
    if (isError) standardError = `${standardError}${line}\n`.slice(-8000);
    options.onLog(line);
  });
  const tell = (message: ToWorker) => child.connected && child.send(message, () => undefined);
  tell({ type: "start", job });
  return {
    pid: child.pid,
    finished,
    cancel() {
      if (cancelled) return;
      cancelled = true;
      tell({ type: "cancel" });
      const limit = setTimeout(() => child.kill("SIGKILL"), options.cancelLimitMs);
      void finished.then(() => clearTimeout(limit));
    },
    kill: () => child.kill("SIGKILL"),
  };
}

function forkWorker(options: WorkerOptions): ChildProcess {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // VS Code's own executable is Electron on the desktop; plain Node ignores this.
    ELECTRON_RUN_AS_NODE: "1",
    // ONNX Runtime on Linux otherwise writes a device id and an event database into the user's cache.
    ORT_DISABLE_TELEMETRY: "1",
  };
  delete env.NODE_OPTIONS;
  return fork(options.script, [], { execPath: options.nodePath, execArgv: heapLimit(options.memoryLimitBytes), env, silent: true });
}

function heapLimit(bytes: number | undefined): string[] {
  return bytes === undefined ? [] : [`--max-old-space-size=${Math.max(64, Math.round(bytes / 2 ** 20))}`];
}

/** The job's outcome, where the message brings it. */
function readMessage(message: FromWorker, job: Job, options: WorkerOptions): WorkerOutcome | undefined {
  switch (message.type) {
    case "ready":
      options.onLog(`worker ${message.pid}: ${JSON.stringify(message.versions)}`);
      return undefined;
    case "heartbeat":
      options.onMemory?.(message.memoryBytes);
      if (options.memoryLimitBytes === undefined || message.memoryBytes <= options.memoryLimitBytes) return undefined;
      return crash("memory", `It used ${mebibytes(message.memoryBytes)} MiB of memory; the limit is ${mebibytes(options.memoryLimitBytes)} MiB.`);
    case "progress":
      options.onProgress(message.event);
      return undefined;
    case "done":
      if (message.result.job !== job.job) return crash("protocol", `It answered "${message.result.job}" to the job "${job.job}".`);
      return { kind: "done", result: message.result };
    case "failed": {
      const { type: _, ...failure } = message;
      return { kind: "failed", ...failure };
    }
    case "cancelled":
      return { kind: "cancelled" };
  }
}

function explainExit(code: number | null, signal: NodeJS.Signals | null, standardError: string): WorkerOutcome {
  if (standardError.includes("heap out of memory")) return crash("memory", "It ran out of memory.");
  if (signal === "SIGKILL") return crash("killed", "The system or another program killed it, most often because memory ran out.");
  if (signal) return crash("abort", `It crashed with ${signal}.`);
  // 134 is a shell's word for SIGABRT; Windows reports native crashes as large codes.
  if (code === 134 || (code !== null && code > 255)) return crash("abort", `It crashed with the code ${code}.`);
  return crash("exit", `It ended with the code ${code} before its job was done.`);
}

function forwardLines(child: ChildProcess, onLine: (line: string, isError: boolean) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", (line) => onLine(line, stream === child.stderr));
  }
}

function crash(reason: CrashReason, message: string): WorkerOutcome {
  return { kind: "crashed", reason, message };
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
