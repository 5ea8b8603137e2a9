/** @file Messages between the extension host and the worker, its child process. One process does one job. */
import { z } from "zod";
import { inspectionSchema } from "../config/inspection.ts";
import { layerDetailsSchema } from "../config/layerDetails.ts";
import { networkGraphSchema } from "../config/networkGraph.ts";
import { resultSchema } from "../config/result.ts";
import { limitSchema } from "../config/schema.ts";
import { frontSchema, searchResultSchema } from "../config/searchResult.ts";
import { sensitivitySchema } from "../config/sensitivity.ts";
import { sweepTableSchema } from "../config/sweepResult.ts";
import { progressSchema } from "./progress.ts";

export const runtimeSettingsSchema = z.object({
  provider: z.enum(["cpu", "cuda", "webgpu", "dml", "coreml"]).default("cpu"),
  threads: z.number().int().min(0).default(0).describe("0: all cores."),
  backend: z.enum(["auto", "native", "wasm"]).default("auto"),
  cacheBytes: z.number().int().positive().optional().describe("Activation caches beyond this lie in a file."),
});

const candidates = z.array(z.number().int().min(2).max(8)).min(1).optional().describe("Without them the run's, or 2, 4 and 8.");

/** Every `count`-th block, from the one at `index`. */
export const measurementPartSchema = z.object({ index: z.int().min(0), count: z.int().positive() });

export const jobSchema = z.discriminatedUnion("job", [
  z.object({ job: z.literal("inspect"), model: z.string(), runtime: runtimeSettingsSchema }),
  z.object({ job: z.literal("graph"), model: z.string(), runtime: runtimeSettingsSchema }),
  z.object({
    job: z.literal("layer-details"),
    model: z.string(),
    layer: z.string(),
    bits: z.number().int().min(2).max(8).optional().describe("Of the grid; without it there is none."),
    quantized: z.string().optional().describe("A model that a run has exported: the grid and the activation range are read from it."),
    runtime: runtimeSettingsSchema,
  }),
  z.object({ job: z.literal("init"), model: z.string(), calibration: z.string().optional(), runtime: runtimeSettingsSchema }),
  z.object({
    job: z.literal("run"),
    config: z.string(),
    run: z.string(),
    resume: z.boolean(),
    takeOverSeconds: z
      .number()
      .positive()
      .optional()
      .describe("A run whose process has been silent for so long is taken over from it, also where it is only stopped."),
    runtime: runtimeSettingsSchema,
  }),
  z.object({
    job: z.literal("sensitivity"),
    config: z.string(),
    run: z.string().optional().describe("Whose seed and candidates count; without it the defaults."),
    candidates,
    fresh: z.boolean().optional().describe("Measure anew even where the last measurement still holds."),
    part: measurementPartSchema.optional().describe("Only some of the blocks, for a measurement that is shared out."),
    runtime: runtimeSettingsSchema,
  }),
  z.object({
    job: z.literal("search"),
    config: z.string(),
    run: z.string().optional(),
    candidates,
    limit: limitSchema.optional().describe("Without it the run's own."),
    front: frontSchema.shape.cost.optional().describe("Also the front of this cost against the predicted loss."),
    runtime: runtimeSettingsSchema,
  }),
  z.object({
    job: z.literal("sweep"),
    sweep: z.string(),
    queue: z.string().optional().describe("Leave the runs to workers on this queue; without it they are done on this machine."),
    memoryBytes: z.number().positive().optional().describe("What the runs on this machine may take together."),
    runtime: runtimeSettingsSchema,
  }),
]);

/** `machine`: a full disk and the like, another machine may succeed. `held`: another process is doing the job. */
export const failureReasonSchema = z.enum(["machine", "held"]);

/** Host → worker. The first message starts the job. */
export const toWorkerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), job: jobSchema }),
  z.object({ type: z.literal("cancel") }),
]);

export const jobResultSchema = z.discriminatedUnion("job", [
  z.object({ job: z.literal("inspect"), inspection: inspectionSchema }),
  z.object({ job: z.literal("graph"), graph: networkGraphSchema }),
  z.object({ job: z.literal("layer-details"), details: layerDetailsSchema }),
  z.object({ job: z.literal("init"), config: z.string().describe("Path of the config that was written.") }),
  z.object({ job: z.literal("run"), result: resultSchema, resultFile: z.string() }),
  z.object({ job: z.literal("sensitivity"), sensitivity: sensitivitySchema, file: z.string() }),
  z.object({ job: z.literal("search"), search: searchResultSchema, front: frontSchema.optional() }),
  z.object({
    job: z.literal("sweep"),
    table: sweepTableSchema,
    files: z.object({ markdown: z.string(), json: z.string(), plot: z.string() }),
  }),
]);

/** Worker → host. The last message is `done`, `failed` or `cancelled`. */
export const fromWorkerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready"), pid: z.number(), versions: z.record(z.string(), z.string()) }),
  z.object({ type: z.literal("heartbeat"), memoryBytes: z.number() }),
  z.object({ type: z.literal("progress"), event: progressSchema }),
  z.object({ type: z.literal("done"), result: jobResultSchema }),
  z.object({
    type: z.literal("failed"),
    message: z.string(),
    hint: z.string().optional(),
    file: z.string().optional(),
    line: z.number().optional(),
    node: z.string().optional(),
    /** True for a mistake that the user can mend, false for a defect of this program. */
    expected: z.boolean(),
    reason: failureReasonSchema.optional().describe("Absent where the job itself is to blame: it would fail everywhere."),
  }),
  z.object({ type: z.literal("cancelled"), resumable: z.boolean() }),
]);

export type MeasurementPart = z.infer<typeof measurementPartSchema>;
export type RuntimeSettings = z.infer<typeof runtimeSettingsSchema>;
export type FailureReason = z.infer<typeof failureReasonSchema>;
export type Job = z.infer<typeof jobSchema>;
export type JobResult = z.infer<typeof jobResultSchema>;
export type ToWorker = z.infer<typeof toWorkerSchema>;
export type FromWorker = z.infer<typeof fromWorkerSchema>;
