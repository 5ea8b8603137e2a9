/** @file Messages between the extension host and the compare view. */
import { z } from "zod";
import { resultSchema } from "../config/result.ts";
import { storedFrontSchema } from "../config/searchResult.ts";
import { sweepTableSchema } from "../config/sweepResult.ts";

const copyFormat = z.enum(["csv", "json", "markdown"]);

/** Host → view. */
export const toCompareViewSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("show"),
    config: z.string().describe("Name of the config."),
    results: z.array(resultSchema).describe("All finished runs, in the config's order."),
    selected: z.array(z.string()).optional().describe("Runs to compare; without it the view keeps its choice."),
    translations: z.record(z.string(), z.string()).optional(),
    fronts: z.array(storedFrontSchema).describe("Of the searches that lie beside the config."),
    running: z.array(z.string()).describe("Runs that go on now."),
  }),
  z.object({
    type: z.literal("show-sweep"),
    config: z.string().describe("Path of the sweep's file."),
    table: sweepTableSchema.optional().describe("Absent before the first run has ended."),
    problem: z.string().optional().describe("Why a table that is there cannot be read."),
    translations: z.record(z.string(), z.string()).optional(),
    progress: z.string().optional().describe("How far the sweep is, while it goes on."),
  }),
]);

/** View → host. */
export const fromCompareViewSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("copy"), format: copyFormat, runs: z.array(z.string()) }),
  z.object({ type: z.literal("copy-sweep"), format: copyFormat }),
  z.object({ type: z.literal("copy-front"), format: copyFormat, run: z.string().optional() }),
]);

export type ToCompareView = z.infer<typeof toCompareViewSchema>;
export type FromCompareView = z.infer<typeof fromCompareViewSchema>;
export type CopyFormat = z.infer<typeof copyFormat>;
