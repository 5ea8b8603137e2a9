/** @file Latency tables by a preset's name or from a file. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { latencyPresets } from "../config/latencyPresets.ts";
import { type LatencyTable, latencyTableSchema } from "../config/latencyTable.ts";
import { errorMessage, UserError } from "../engine/errors.ts";
import { fileError } from "../engine/files.ts";

/**
 * The table of a preset's name, or else of a JSON file.
 * @param folder what the file's path is relative to
 */
export async function readLatencyTable(table: string, folder: string): Promise<LatencyTable> {
  if (Object.hasOwn(latencyPresets, table)) return latencyPresets[table]!;
  const file = resolve(folder, table);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    const failure = fileError(error, "read", file);
    if (!(failure instanceof UserError)) throw failure;
    throw new UserError(`The latency table can't be read: ${failure.message}`, {
      hint: `Presets are ${Object.keys(latencyPresets).join(" and ")}.`,
      place: { file },
    });
  });
  return parseTable(text, file);
}

function parseTable(text: string, file: string): LatencyTable {
  try {
    const checked = latencyTableSchema.safeParse(JSON.parse(text));
    if (checked.success) return checked.data;
    throw new UserError(`The latency table is not valid: ${z.prettifyError(checked.error).split("\n").join(" ")}`, {
      hint: "docs/sensitivity.md tells the format.",
      place: { file },
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`The latency table is not JSON: ${errorMessage(error)}.`, { hint: "docs/sensitivity.md tells the format.", place: { file } });
  }
}
