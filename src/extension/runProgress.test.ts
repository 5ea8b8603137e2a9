import { expect, test } from "vitest";
import type { Progress } from "../protocol/progress.ts";
import { advance, completedShare, describeProgress, formatDuration, formatLoss, noProgress } from "./runProgress.ts";

const after = (...events: Progress[]) => events.reduce(advance, noProgress);
const start = (index: number): Progress => ({ type: "block-start", index, count: 4, name: `b${index}`, layers: [], steps: 200 });
const step = (index: number, at: number, loss: number, secondsLeft?: number): Progress => ({
  type: "step",
  index,
  name: `b${index}`,
  step: at,
  steps: 200,
  loss,
  secondsLeft,
});
const end = (index: number, resumed = false): Progress => ({
  type: "block-end",
  index,
  count: 4,
  name: `b${index}`,
  loss: { before: 2, after: 1 },
  seconds: 3,
  resumed,
});

test("says what goes on in one line", () => {
  expect(describeProgress(noProgress)).toBe("starting");
  expect(describeProgress(after({ type: "phase", phase: "calibration", message: "Reading images" }))).toBe("Reading images");
  expect(describeProgress(after({ type: "count", label: "images", done: 3, total: 64 }))).toBe("images 3/64");
  expect(describeProgress(after(start(0)))).toBe("block 1/4");
  expect(describeProgress(after(start(2), step(2, 10, 0.01234, 125)))).toBe("block 3/4 · loss 0.0123 · 2 min left");
  expect(describeProgress(after(start(0), end(0), { type: "phase", phase: "export", message: "Exporting" }))).toBe("Exporting");
});

test("counts blocks and steps, and blocks of a checkpoint, as done", () => {
  expect(completedShare(noProgress)).toBeUndefined();
  expect(completedShare(after(end(0, true), end(1, true), start(2), step(2, 100, 1)))).toBeCloseTo(2.5 / 4);
});

test("keeps warnings and leaves earlier states as they were", () => {
  const first = after({ type: "warning", message: "a" });
  const second = advance(first, { type: "warning", message: "b" });
  expect(first.warnings).toEqual(["a"]);
  expect(second.warnings).toEqual(["a", "b"]);
});

test("writes losses and durations short", () => {
  expect([0, 1.5, 0.00012, 123456].map(formatLoss)).toEqual(["0.00", "1.50", "1.20e-4", "1.23e+5"]);
  expect([0.25, 42, 600, 9000].map(formatDuration)).toEqual(["0.3 s", "42 s", "10 min", "2.5 h"]);
});
