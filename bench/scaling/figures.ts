/** @file The lines that bench/scaling.ts writes. */
import { z } from "zod";

const threads = z.number();
const peak = z.object({ part: z.literal("peak"), threads, gflops: z.number() });
const step = z.object({
  part: z.enum(["shapes", "channels", "resolution"]),
  threads,
  name: z.string(),
  channels: z.number(),
  size: z.number(),
  milliseconds: z.number(),
  gflops: z.number(),
});
const run = z.object({
  part: z.enum(["images", "steps"]),
  threads,
  images: z.number(),
  steps: z.number(),
  seconds: z.number(),
  peakMiB: z.number(),
});
const figure = z.union([peak, step, run]);

export type PeakFigure = z.infer<typeof peak>;
export type StepFigure = z.infer<typeof step>;
export type RunFigure = z.infer<typeof run>;
export type Figure = z.infer<typeof figure>;

/** The figures of a file of lines. Of lines that say the same of one thing the fastest counts: other work on the machine can only slow it down. */
export function parseFigures(text: string): Figure[] {
  const lines = text.split("\n").filter((line) => line !== "");
  const best = new Map<string, Figure>();
  for (const each of lines.map((line) => figure.parse(JSON.parse(line)))) {
    const known = best.get(keyOf(each));
    if (!known || speedOf(each) > speedOf(known)) best.set(keyOf(each), each);
  }
  return [...best.values()];
}

function speedOf(each: Figure): number {
  return "seconds" in each ? 1 / each.seconds : each.gflops;
}

function keyOf(each: Figure): string {
  const { part, threads: count } = each;
  if ("seconds" in each) return `${part} ${count} ${each.images} ${each.steps}`;
  return "name" in each ? `${part} ${count} ${each.name}` : `${part} ${count}`;
}
