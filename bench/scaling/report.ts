/** @file Tables and plots of what bench/scaling.ts measured. */
import type { Figure, PeakFigure, RunFigure, StepFigure } from "./figures.ts";
import { linePlot, type Series } from "./linePlot.ts";

const isPeak = (figure: Figure): figure is PeakFigure => figure.part === "peak";
const isRun = (figure: Figure): figure is RunFigure => "seconds" in figure;
const isStep = (figure: Figure): figure is StepFigure => "milliseconds" in figure;

/** One SVG a part that was measured, by its name in docs/images. */
export function plots(figures: readonly Figure[]): [name: string, svg: string][] {
  const steps = figures.filter(isStep);
  const runs = figures.filter(isRun);
  const drawings = [
    { name: "channels", x: "channels, at 16 x 16", y: "ms a step", points: pointsOf(steps, "channels", (f) => [f.channels, f.milliseconds]) },
    { name: "resolution", x: "side in pixels, 16 channels", y: "ms a step", points: pointsOf(steps, "resolution", (f) => [f.size, f.milliseconds]) },
    { name: "images", x: "calibration images, 25 steps a block", y: "seconds a run", points: pointsOf(runs, "images", (f) => [f.images, f.seconds]) },
    { name: "steps", x: "steps a block, 256 images", y: "seconds a run", points: pointsOf(runs, "steps", (f) => [f.steps, f.seconds]) },
  ];
  return drawings
    .filter(({ points }) => points.length > 0)
    .map(({ name, x, y, points }) => [name, linePlot({ title: `Time against ${name}`, x, y, series: points })]);
}

/** A series for each number of threads. */
function pointsOf<F extends Figure>(figures: readonly F[], part: string, point: (figure: F) => readonly [number, number]): Series[] {
  const chosen = figures.filter((figure) => figure.part === part);
  const counts = [...new Set(chosen.map(({ threads }) => threads))];
  return counts.map((count) => ({
    name: count === 1 ? "1 thread" : `${count} threads`,
    points: chosen
      .filter(({ threads }) => threads === count)
      .map(point)
      .sort((a, b) => a[0] - b[0]),
  }));
}

/** The tables in Markdown. */
export function tables(figures: readonly Figure[]): string {
  const peaks = new Map(figures.filter(isPeak).map(({ threads, gflops }) => [threads, gflops]));
  const threads = [...peaks.keys()].sort((a, b) => a - b);
  const steps = figures.filter(isStep);
  const names = [...new Set(steps.map(({ part, name }) => `${part} ${name}`))];
  const rows = names.map((key) => {
    const cells = threads.flatMap((count) => {
      const step = steps.find((figure) => `${figure.part} ${figure.name}` === key && figure.threads === count);
      if (!step) return ["", "", ""];
      return [`${step.milliseconds} ms`, String(Math.round(step.gflops)), `${Math.round((100 * step.gflops) / peaks.get(count)!)} %`];
    });
    return `| ${[key.replace("shapes ", ""), ...cells].join(" | ")} |`;
  });
  const columns = threads.flatMap((count) => [`a step, ${count} thr.`, "GFLOP/s", "of the peak"]);
  const runs = figures
    .filter(isRun)
    .map((run) => `| ${[run.images, run.steps, run.threads, `${run.seconds} s`, `${run.peakMiB} MiB`].join(" | ")} |`);
  return [
    threads.map((count) => `Peak with ${count} thread${count === 1 ? "" : "s"}: ${Math.round(peaks.get(count)!)} GFLOP/s`).join("; "),
    `| block | ${columns.join(" | ")} |\n|${" --- |".repeat(columns.length + 1)}\n${rows.join("\n")}`,
    `| images | steps | threads | time | peak memory |\n|${" --- |".repeat(5)}\n${runs.join("\n")}`,
  ].join("\n\n");
}
