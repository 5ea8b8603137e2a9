/** @file Telling whoever waits for a sweep why nothing goes on: no worker, workers of another version, or workers in trouble. */
import type { Redis } from "ioredis";
import type { ReportProgress } from "../../protocol/progress.ts";
import { brecqVersion } from "../version.ts";
import { readWorkers, type WorkerNote } from "./registry.ts";

const lookEveryMs = 5000;

/** Looks at the workers until the function that it gives is called; every sentence is said once. */
export function watchWorkers(client: Redis, report: ReportProgress): () => void {
  const said = new Set<string>();
  const look = async () => {
    for (const message of workerProblems(await readWorkers(client))) {
      if (said.has(message)) continue;
      said.add(message);
      report({ type: "warning", message });
    }
  };
  const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs);
  void look().catch(() => undefined);
  return () => clearInterval(timer);
}

/** One sentence a trouble. */
export function workerProblems(workers: readonly WorkerNote[]): string[] {
  const own = workers.filter(({ version }) => version === brecqVersion);
  const others = [...new Set(workers.filter(({ version }) => version !== brecqVersion).map(({ version }) => version))];
  const problems = own.flatMap(({ place, problem }) => (problem === undefined ? [] : [`${problem} (worker ${place})`]));
  if (own.length > 0) return problems;
  if (others.length === 0) return ["No worker is connected to the queue: start some with `brecq worker --queue ADDRESS`."];
  return [`The queue's workers are of version ${others.join(", ")}, and this is ${brecqVersion}: install the same version on both sides.`];
}
