/** @file Progress on standard error: one line that is rewritten on a terminal, plain lines elsewhere. */
import type { Progress, ReportProgress } from "../protocol/progress.ts";

/** Lines that say nothing new are left out where they can't be rewritten: at most one a second. */
const plainIntervalMs = 1000;

export function progressPrinter(stream: NodeJS.WriteStream): { report: ReportProgress; done(): void } {
  const live = stream.isTTY === true;
  let open = false;
  let last = 0;
  const endLine = () => {
    if (open) stream.write("\n");
    open = false;
  };
  const transient = (text: string) => {
    if (live) {
      stream.write(`\r\u001b[2K${text.slice(0, (stream.columns ?? 80) - 1)}`);
      open = true;
      return;
    }
    if (Date.now() - last < plainIntervalMs) return;
    last = Date.now();
    stream.write(`${text}\n`);
  };
  const permanent = (text: string) => {
    if (open) stream.write("\r\u001b[2K");
    open = false;
    stream.write(`${text}\n`);
  };
  return {
    report: (event) => {
      const { text, lasting } = describe(event);
      (lasting ? permanent : transient)(text);
    },
    done: endLine,
  };
}

function describe(event: Progress): { text: string; lasting: boolean } {
  switch (event.type) {
    case "phase":
      return { text: event.message, lasting: true };
    case "warning":
      return { text: `Warning: ${event.message}`, lasting: true };
    case "count":
      return { text: `${event.label} ${event.done}/${event.total}`, lasting: false };
    case "layer-sensitivity":
      return { text: `${event.layer} at ${event.bits} bits: loss ${formatLoss(event.loss)}`, lasting: false };
    case "job": {
      const { job, state, message, place, done, total } = event;
      const text = `${done}/${total} ${job}: ${state}${message === undefined ? "" : `, ${message}`}${place === undefined ? "" : ` (${place})`}`;
      return { text, lasting: state !== "going" && state !== "started" };
    }
    case "block-start":
      return { text: `Block ${event.index + 1}/${event.count} ${event.name}`, lasting: false };
    case "step": {
      const left = event.secondsLeft === undefined ? "" : `, ${formatDuration(event.secondsLeft)} left`;
      return { text: `${event.name}: step ${event.step}/${event.steps}, loss ${formatLoss(event.loss)}${left}`, lasting: false };
    }
    case "block-end": {
      const { before, after } = event.loss;
      const how = event.resumed ? "taken from the checkpoint" : `${event.seconds.toFixed(1)} s`;
      return {
        text: `Block ${event.index + 1}/${event.count} ${event.name}: loss ${formatLoss(before)} → ${formatLoss(after)} (${how})`,
        lasting: true,
      };
    }
  }
}

function formatLoss(loss: number): string {
  return loss.toPrecision(3);
}

/** Seconds as "42 s", "3 min 5 s" or "1 h 2 min". */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
