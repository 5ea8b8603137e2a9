/** @file Events of a sweep's jobs as progress events, which the terminal, the log and the editor show. */
import type { Progress, ReportProgress } from "../../protocol/progress.ts";
import type { JobOutcome } from "./executeJob.ts";
import type { JobEvent } from "./localPool.ts";
import { chooseMetric } from "./sweepTable.ts";

/** Gives the function that reports a sweep's events, and counts the jobs that have ended. */
export function jobReporter(total: number, report: ReportProgress): (event: JobEvent) => void {
  let done = 0;
  return (event) => {
    const { job } = event;
    const tell = (state: JobState, message?: string, place?: string) => report({ type: "job", job: job.id, state, message, place, done, total });
    switch (event.type) {
      case "started":
        return tell("started", undefined, event.place);
      case "progress": {
        const message = progressText(event.event);
        return message === undefined ? undefined : tell("going", message);
      }
      case "retried":
        return tell("retried", event.message);
      case "ended":
        done++;
        return tell(endState(event.outcome), endText(event.outcome));
    }
  };
}

type JobState = Extract<Progress, { type: "job" }>["state"];

/** How far a job is; undefined where an event says nothing about that. */
export function progressText(event: Progress): string | undefined {
  if (event.type === "phase") return event.message;
  if (event.type === "block-start") return `block ${event.index + 1}/${event.count}`;
  return undefined;
}

function endState(outcome: JobOutcome): JobState {
  return outcome.kind === "done" && outcome.reused ? "reused" : outcome.kind;
}

function endText(outcome: JobOutcome): string | undefined {
  if (outcome.kind === "failed") return outcome.message;
  if (outcome.kind !== "done" || !outcome.figures) return undefined;
  const { label, unit, of } = chooseMetric(outcome.figures);
  const value = of(outcome.figures);
  return value === undefined ? undefined : `${label} ${value.toFixed(2)} ${unit}`;
}
