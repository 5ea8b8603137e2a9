import * as vscode from "vscode";
import type { Progress } from "../protocol/progress.ts";
import type { Job, RuntimeSettings } from "../protocol/worker.ts";
import type { WorkerProcess } from "../worker/workerProcess.ts";
import { readSettings } from "./settings.ts";

/** Starts worker processes with the user's settings, and ends them all with the window. */
export class WorkerLauncher implements vscode.Disposable {
  private readonly script: string;
  private readonly running = new Set<WorkerProcess>();
  private readonly log: vscode.LogOutputChannel;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.log = log;
    const testScript = context.extensionMode === vscode.ExtensionMode.Production ? undefined : process.env.BRECQ_TEST_WORKER;
    this.script = testScript ?? context.asAbsolutePath("dist/worker.mjs");
  }

  /** @param job the job without its runtime settings, which are the user's */
  async launch(job: (runtime: RuntimeSettings) => Job, onProgress: (event: Progress) => void = () => undefined): Promise<WorkerProcess> {
    // Loaded at the first job: the protocol's schemas take longer than all the rest of the activation.
    const { startWorker, usualPatience } = await import("../worker/workerProcess.ts");
    const settings = readSettings();
    const worker = startWorker(job(settings.runtime), {
      script: this.script,
      nodePath: settings.nodePath,
      memoryLimitBytes: settings.memoryLimitBytes,
      ...usualPatience,
      onProgress,
      onLog: (line) => this.log.info(line),
    });
    this.running.add(worker);
    void worker.finished.then((outcome) => {
      this.running.delete(worker);
      this.log.info(`worker ${worker.pid} ended: ${outcome.kind}`);
    });
    return worker;
  }

  dispose(): void {
    for (const worker of this.running) worker.kill();
  }
}
