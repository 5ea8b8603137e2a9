/** @file How every run of a sweep stands, kept in files as the runs end, so that a sweep that is broken off leaves a table. */
import { paretoSvg } from "../../config/paretoSvg.ts";
import type { SweepFiles } from "../../config/resultPaths.ts";
import { sweepMarkdown } from "../../config/sweepMarkdown.ts";
import type { SweepTable } from "../../config/sweepResult.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import type { JobEvent } from "./localPool.ts";
import { runKeyOfJob, type SweepJob, type SweepPlan } from "./planSweep.ts";
import { type RunOutcome, sweepTable } from "./sweepTable.ts";

/** Between two writings of a table while runs end quickly. */
const writeEveryMs = 2000;

/** Follows the events of a sweep's jobs. */
export class SweepBoard {
  readonly outcomes: Map<string, RunOutcome>;
  readonly #write: (outcomes: readonly RunOutcome[]) => Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param write keeps the table; called at most every two seconds, and at the end */
  constructor(plan: SweepPlan, write: (outcomes: readonly RunOutcome[]) => Promise<void>) {
    this.outcomes = new Map(plan.outcomes);
    this.#write = write;
  }

  follow(event: JobEvent): void {
    const key = runKeyOfJob(event.job);
    const { run } = this.outcomes.get(key)!;
    if (event.type === "started" && event.job.kind === "run") this.outcomes.set(key, { run, state: "running" });
    if (event.type === "retried" && event.job.kind === "run") this.outcomes.set(key, { run, state: "waiting" });
    if (event.type !== "ended") return;
    this.outcomes.set(key, ended(event.job, event.outcome, this.outcomes.get(key)!));
    // What hinders this writing hinders the last one too, which tells.
    this.#timer ??= setTimeout(() => void this.close().catch(() => undefined), writeEveryMs);
  }

  /** Writes the table as it is now. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write([...this.outcomes.values()]));
    await this.#writing;
  }
}

function ended(job: SweepJob, outcome: Extract<JobEvent, { type: "ended" }>["outcome"], before: RunOutcome): RunOutcome {
  const { run } = before;
  if (outcome.kind === "failed") return { run, state: "failed", error: outcome.message };
  if (outcome.kind === "cancelled") return { run, state: "cancelled" };
  if (job.kind !== "run") return before;
  return { run, state: outcome.reused ? "reused" : "done", figures: outcome.figures };
}

/** Writes the table as Markdown, JSON and a plot. */
export async function writeSweepTable(files: SweepFiles, sweep: string, outcomes: readonly RunOutcome[]): Promise<SweepTable> {
  const table = sweepTable(sweep, outcomes);
  await writeFileAtomic(files.markdown, `${sweepMarkdown(table)}\n`);
  await writeFileAtomic(files.json, `${JSON.stringify(table, undefined, 2)}\n`);
  await writeFileAtomic(files.plot, paretoSvg(table));
  return table;
}
