import { stat } from "node:fs/promises";
import * as l10n from "@vscode/l10n";
import type { Inspection } from "../config/inspection.ts";
import { describeOutcome } from "./outcomeMessages.ts";
import type { WorkerLauncher } from "./workerLauncher.ts";

/** Asks workers what is in models; the host itself never reads one. An unchanged file is asked about once. */
export class ModelInspector {
  private readonly cache = new Map<string, { stamp: string; inspection: Promise<Inspection> }>();
  private readonly launcher: WorkerLauncher;

  constructor(launcher: WorkerLauncher) {
    this.launcher = launcher;
  }

  /** @throws Error with a sentence for the user where the model is missing or cannot be read */
  async inspect(model: string): Promise<Inspection> {
    const status = await stat(model).catch(() => undefined);
    if (!status) throw new Error(l10n.t("There is no file {0}.", model));
    const stamp = `${status.mtimeMs} ${status.size}`;
    const cached = this.cache.get(model);
    if (cached?.stamp === stamp) return cached.inspection;
    const inspection = this.ask(model);
    this.cache.set(model, { stamp, inspection });
    // A failure that may pass, such as a crash, is asked about again.
    inspection.catch(() => this.cache.get(model)?.inspection === inspection && this.cache.delete(model));
    return inspection;
  }

  private async ask(model: string): Promise<Inspection> {
    const worker = await this.launcher.launch((runtime) => ({ job: "inspect", model, runtime }));
    const outcome = await worker.finished;
    if (outcome.kind === "done" && outcome.result.job === "inspect") return outcome.result.inspection;
    const failure = describeOutcome(outcome);
    throw new Error([failure?.message ?? l10n.t("Reading the model was cancelled."), failure?.hint].filter(Boolean).join(" "));
  }
}
