/** @file The table that a sweep has left beside its file. */
import { readFile } from "node:fs/promises";
import * as l10n from "@vscode/l10n";
import { sweepFiles } from "../config/resultPaths.ts";
import type { SweepTable } from "../config/sweepResult.ts";
import type { JobProgress } from "./runProgress.ts";

export interface StoredTable {
  table?: SweepTable;
  /** Why a table that is there cannot be read. */
  problem?: string;
}

export async function readSweepTable(sweep: string): Promise<StoredTable> {
  const file = sweepFiles(sweep).json;
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return {};
  // Loaded when there is a table, to keep activation short.
  const { sweepTableSchema } = await import("../config/sweepResult.ts");
  try {
    return { table: sweepTableSchema.parse(JSON.parse(text)) };
  } catch {
    return { problem: l10n.t("{0} is damaged or of another version: run again.", file) };
  }
}

/** "22 of 24 runs done · 2 failed". */
export function describeTable({ rows }: SweepTable): string {
  const runs = rows.flatMap((row) => row.runs);
  const done = runs.filter(({ state }) => state === "done" || state === "reused").length;
  const failed = runs.filter(({ state }) => state === "failed").length;
  const text = l10n.t("{0} of {1} runs done", done, runs.length);
  return failed === 0 ? text : `${text} · ${l10n.t("{0} failed", failed)}`;
}

/** The runs of a table that have ended. */
export function tableJobs(table: SweepTable | undefined): JobProgress[] {
  return (table?.rows ?? []).flatMap((row) =>
    row.runs.flatMap(({ run, state, error }): JobProgress[] => {
      if (state === "waiting" || state === "running") return [];
      return [{ name: `${row.model}/${run}`, state, message: error ?? (state === "failed" ? undefined : row.mean?.toFixed(2)) }];
    }),
  );
}
