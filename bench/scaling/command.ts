/** @file Runs the command line for a bench. */
import { execFileSync } from "node:child_process";
import { z } from "zod";

const answer = z.object({ seconds: z.number(), peakMemoryBytes: z.number() });

/** Seconds and peak memory that a command's JSON result tells. */
export function runJson(cli: string, args: readonly string[]): { seconds: number; peakMiB: number } {
  const text = execFileSync(process.execPath, [cli, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 2 ** 28 });
  const { seconds, peakMemoryBytes } = answer.parse(JSON.parse(text));
  return { seconds: Math.round(seconds * 10) / 10, peakMiB: Math.round(peakMemoryBytes / 2 ** 20) };
}
