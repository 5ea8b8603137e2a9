/** @file What a user is told of a worker that did not finish its job. */
import * as l10n from "@vscode/l10n";
import type { CrashReason, WorkerOutcome } from "../worker/workerProcess.ts";

export interface Failure {
  /** One sentence. */
  message: string;
  /** What to do next. */
  hint: string | undefined;
}

/** The words for an outcome; undefined where the job was done or cancelled. */
export function describeOutcome(outcome: WorkerOutcome): Failure | undefined {
  switch (outcome.kind) {
    case "done":
    case "cancelled":
      return undefined;
    case "failed": {
      if (!outcome.expected) {
        return {
          message: l10n.t("BRECQ failed: {0}", outcome.message),
          hint: l10n.t("This is a defect of the extension: the output “BRECQ” has the details to report."),
        };
      }
      const { file, line, node } = outcome;
      const place = [file && (line ? `${file}:${line}` : file), node].filter(Boolean).join(", ");
      return { message: place ? `${outcome.message} (${place})` : outcome.message, hint: outcome.hint };
    }
    case "crashed":
      return { message: l10n.t("The worker process stopped. {0}", outcome.message), hint: crashAdvice(outcome.reason) };
  }
}

function crashAdvice(reason: CrashReason): string {
  switch (reason) {
    case "killed":
      return l10n.t("Close other programs or use fewer calibration images, so that memory suffices; then resume the run.");
    case "memory":
      return l10n.t("Use fewer calibration images, or raise the setting brecq.memoryLimit; then resume the run.");
    case "unresponsive":
      return l10n.t("Resume the run; if it happens again, lower the setting brecq.threads.");
    case "start":
      return l10n.t("Check the setting brecq.worker.nodePath: it must name Node 20 or newer.");
    case "protocol":
      return l10n.t("Reload the window, so that the extension and its worker have the same version.");
    case "abort":
    case "exit":
      return l10n.t("Resume the run; if it happens again, the output “BRECQ” has the details to report.");
  }
}
