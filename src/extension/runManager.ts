import * as vscode from "vscode";
import type { Progress } from "../protocol/progress.ts";
import type { Job, RuntimeSettings } from "../protocol/worker.ts";
import type { WorkerOutcome, WorkerProcess } from "../worker/workerProcess.ts";
import { describeOutcome, type Failure } from "./outcomeMessages.ts";
import { advance, noProgress, type RunProgress } from "./runProgress.ts";
import { readSettings } from "./settings.ts";
import type { WorkerLauncher } from "./workerLauncher.ts";

export type RunStatus = "queued" | "running" | "cancelling" | "done" | "failed" | "cancelled" | "crashed";

/** Stands in place of a run's name where sensitivities are measured; no run can have this name. */
export const measurement = "layer sensitivity";

/** Stands in place of a run's name where a whole sweep is done. */
export const wholeSweep = "all runs of the sweep";

/** A run, a sweep, or a measurement of sensitivities, that was started in this window. */
export interface RunState {
  /** Path of the config. */
  config: string;
  run: string;
  status: RunStatus;
  resumed: boolean;
  progress: RunProgress;
  /** Milliseconds since 1970. */
  startedAt?: number;
  finishedAt?: number;
  /** Set where the run failed or crashed. */
  failure?: Failure;
}

interface Entry {
  state: RunState;
  /** Set once its turn has come. */
  worker?: Promise<WorkerProcess>;
  finished: Promise<RunState>;
  settle(state: RunState): void;
}

const progressEveryMs = 250;

/** Runs configs' runs, one process each, one after the other. */
export class RunManager implements vscode.Disposable {
  private readonly entries = new Map<string, Entry>();
  private readonly queue: Entry[] = [];
  private readonly changed = new vscode.EventEmitter<RunState>();
  private readonly reported = new vscode.EventEmitter<{ state: RunState; event: Progress }>();
  private readonly launcher: WorkerLauncher;
  private lastProgressAt = 0;
  /** Fires at every change of a run's status, and for progress at most four times a second. */
  readonly onDidChange = this.changed.event;
  /** Fires for everything that a worker tells. */
  readonly onDidReport = this.reported.event;

  constructor(launcher: WorkerLauncher) {
    this.launcher = launcher;
  }

  /** The state of a run that was started in this window. */
  get(config: string, run: string): RunState | undefined {
    return this.entries.get(keyOf(config, run))?.state;
  }

  /** Runs that wait or go on, in order. */
  get active(): RunState[] {
    return this.queue.map((entry) => entry.state);
  }

  /** Queues a run; resolves at its end. A run that is active already is not queued twice. */
  start(config: string, run: string, options: { resume: boolean }): Promise<RunState> {
    const key = keyOf(config, run);
    const existing = this.entries.get(key);
    if (existing && this.queue.includes(existing)) return existing.finished;
    let settle: Entry["settle"] = () => undefined;
    const finished = new Promise<RunState>((resolve) => {
      settle = resolve;
    });
    const entry: Entry = { state: { config, run, status: "queued", resumed: options.resume, progress: noProgress }, finished, settle };
    this.entries.set(key, entry);
    this.queue.push(entry);
    this.changed.fire(entry.state);
    this.startNext();
    return finished;
  }

  /** Queues the measurement of a config's sensitivities. */
  measure(config: string): Promise<RunState> {
    return this.start(config, measurement, { resume: true });
  }

  /** Queues a sweep: what of it is missing. */
  sweep(file: string): Promise<RunState> {
    return this.start(file, wholeSweep, { resume: true });
  }

  cancel(config: string, run: string): void {
    const entry = this.entries.get(keyOf(config, run));
    if (!entry || !this.queue.includes(entry)) return;
    if (entry.worker) {
      this.update(entry, { status: "cancelling" });
      void entry.worker.then((worker) => worker.cancel());
    } else {
      this.end(entry, { kind: "cancelled" });
    }
  }

  /** Forgets how a run ended, for instance because its results were deleted. */
  forget(config: string, run: string): void {
    const entry = this.entries.get(keyOf(config, run));
    if (entry && !this.queue.includes(entry)) this.entries.delete(keyOf(config, run));
  }

  dispose(): void {
    this.changed.dispose();
    this.reported.dispose();
  }

  private startNext(): void {
    const entry = this.queue[0];
    if (!entry || entry.worker) return;
    entry.worker = this.launcher.launch(
      (runtime) => jobOf(entry.state, runtime),
      (event) => {
        this.reported.fire({ state: entry.state, event });
        const progress = advance(entry.state.progress, event);
        // Steps come by the hundred each second: only some are shown.
        const now = Date.now();
        const quiet = event.type === "step" && now - this.lastProgressAt < progressEveryMs;
        if (quiet) entry.state = { ...entry.state, progress };
        else this.update(entry, { progress });
        if (!quiet) this.lastProgressAt = now;
      },
    );
    this.update(entry, { status: "running", startedAt: Date.now() });
    void entry.worker.then(({ finished }) => finished).then((outcome) => this.end(entry, outcome));
  }

  private end(entry: Entry, outcome: WorkerOutcome): void {
    this.queue.splice(this.queue.indexOf(entry), 1);
    this.update(entry, { status: outcome.kind, finishedAt: Date.now(), failure: describeOutcome(outcome) });
    entry.settle(entry.state);
    this.startNext();
  }

  private update(entry: Entry, change: Partial<RunState>): void {
    entry.state = { ...entry.state, ...change };
    this.changed.fire(entry.state);
  }
}

function jobOf({ config, run, resumed: resume }: RunState, runtime: RuntimeSettings): Job {
  if (run === measurement) return { job: "sensitivity", config, runtime };
  if (run !== wholeSweep) return { job: "run", config, run, resume, runtime };
  const { queue, memoryLimitBytes: memoryBytes } = readSettings();
  return { job: "sweep", sweep: config, queue, memoryBytes, runtime };
}

export function isActive(state: RunState | undefined): boolean {
  return state !== undefined && ["queued", "running", "cancelling"].includes(state.status);
}

function keyOf(config: string, run: string): string {
  return `${config}\n${run}`;
}
