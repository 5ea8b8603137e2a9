/** @file What is known of a run that goes on, gathered from its progress events. */
import type { Progress } from "../protocol/progress.ts";

export interface BlockProgress {
  name: string;
  step: number;
  steps: number;
  /** The newest training loss. */
  loss?: number;
  /** Set at the block's end. */
  finished?: { before: number; after: number; seconds: number; resumed: boolean };
}

/** A job of a sweep, as its worker last told. */
export interface JobProgress {
  name: string;
  state: Extract<Progress, { type: "job" }>["state"];
  /** How far it is, what it gave, or why it failed. */
  message?: string;
  /** The worker that does it, where that is another machine. */
  place?: string;
}

export interface RunProgress {
  /** What is being done, in words. */
  message: string;
  /** Of a sweep: its jobs that have begun, by name. */
  jobs?: ReadonlyMap<string, JobProgress>;
  /** Blocks by index; those that have not begun are absent. */
  blocks: BlockProgress[];
  blockCount: number;
  /** Index of the block that is being reconstructed. */
  current?: number;
  count?: { label: string; done: number; total: number };
  secondsLeft?: number;
  warnings: string[];
}

export const noProgress: RunProgress = { message: "", blocks: [], blockCount: 0, warnings: [] };

/** The progress after one more event; the given one stays as it is. */
export function advance(progress: RunProgress, event: Progress): RunProgress {
  switch (event.type) {
    case "phase":
      return { ...progress, message: event.message, count: undefined, current: undefined };
    case "count":
      return { ...progress, count: { label: event.label, done: event.done, total: event.total } };
    case "layer-sensitivity":
      return progress;
    case "job":
      return withJob(progress, event);
    case "block-start":
      return {
        ...withBlock(progress, event.index, { name: event.name, step: 0, steps: event.steps }),
        blockCount: event.count,
        current: event.index,
        count: undefined,
      };
    case "step":
      return {
        ...withBlock(progress, event.index, { name: event.name, step: event.step, steps: event.steps, loss: event.loss }),
        current: event.index,
        secondsLeft: event.secondsLeft,
      };
    case "block-end": {
      const finished = { ...event.loss, seconds: event.seconds, resumed: event.resumed };
      const steps = progress.blocks[event.index]?.steps ?? 0;
      return { ...withBlock(progress, event.index, { name: event.name, step: steps, steps, finished }), blockCount: event.count };
    }
    case "warning":
      return { ...progress, warnings: [...progress.warnings, event.message] };
  }
}

/** One short line: "block 3/9 · loss 0.0123 · 2 min left". */
export function describeProgress(progress: RunProgress): string {
  const block = progress.current === undefined ? undefined : progress.blocks[progress.current];
  if (block && progress.current !== undefined) {
    const parts = [`block ${progress.current + 1}/${progress.blockCount}`];
    if (block.loss !== undefined) parts.push(`loss ${formatLoss(block.loss)}`);
    if (progress.secondsLeft !== undefined) parts.push(`${formatDuration(progress.secondsLeft)} left`);
    return parts.join(" · ");
  }
  const { count } = progress;
  if (count) return `${count.label} ${count.done}/${count.total}`;
  return progress.message || "starting";
}

/** Share of the run that is done, 0..1, by blocks; undefined before the first block. */
export function completedShare(progress: RunProgress): number | undefined {
  if (progress.jobs && progress.count) return progress.count.done / Math.max(1, progress.count.total);
  if (progress.blockCount === 0) return undefined;
  const done = progress.blocks.reduce((sum, block) => sum + (block?.finished ? 1 : block && block.steps > 0 ? block.step / block.steps : 0), 0);
  return Math.min(1, done / progress.blockCount);
}

export function formatLoss(loss: number): string {
  return loss !== 0 && (Math.abs(loss) < 1e-3 || Math.abs(loss) >= 1e4) ? loss.toExponential(2) : loss.toPrecision(3);
}

export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function withJob(progress: RunProgress, { job, state, message, place, done, total }: Extract<Progress, { type: "job" }>): RunProgress {
  const jobs = new Map(progress.jobs);
  const before = jobs.get(job);
  jobs.set(job, { name: job, state, message: message ?? before?.message, place: place ?? before?.place });
  return { ...progress, jobs, count: { label: "runs", done, total } };
}

function withBlock(progress: RunProgress, index: number, block: BlockProgress): RunProgress {
  const blocks = progress.blocks.slice();
  blocks[index] = block;
  return { ...progress, blocks };
}
