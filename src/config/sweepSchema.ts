/** @file The sweep: a `.brecq.json` file with the key `sweep`, which stands for many runs of several models. */
import { z } from "zod";
import { calibrationSchema, configSchema, evaluationSchema, inputSchema, type RunConfig, runSchema } from "./schema.ts";

const name = z.string().regex(/^[\w-]+$/, "use letters, digits, '-' and '_' in a name");

type RunFields = typeof runSchema.shape;
/** The type of a setting without its default: one that is not named stays open. */
type Bare<T> = T extends z.ZodDefault<infer Inner> ? Inner : T;

/** The fields of a run, each without its default, so that what a sweep does not name is told apart from what it does. */
const bareFields = Object.fromEntries(
  Object.entries(runSchema.shape).map(([key, field]) => {
    const bare = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : (field as z.ZodType);
    return [key, field.description === undefined ? bare : bare.describe(field.description)];
  }),
) as { [K in keyof RunFields]: Bare<RunFields[K]> };

const { seed: _seed, ...settingFields } = bareFields;

/** Any of a run's settings but its seed. */
export const partialRunSchema = z.strictObject(settingFields).partial();

const matrixSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(settingFields).map(([key, field]) => [
        key,
        z
          .array(field as z.ZodType)
          .min(1)
          .describe(`Values of the run setting "${key}".`),
      ]),
    ) as { [K in keyof typeof settingFields]: z.ZodArray<(typeof settingFields)[K]> },
  )
  .partial();

const modelSchema = z
  .union([
    z.string().min(1).describe("A config (.brecq.json), whose model and data are taken, or an ONNX file; relative to this file."),
    z.strictObject({
      model: z.string().min(1).describe("The ONNX file, relative to this file."),
      input: inputSchema.optional(),
      calibration: calibrationSchema.optional(),
      evaluation: evaluationSchema.optional(),
    }),
  ])
  .describe("A model of the sweep, with its own data where it has some.");

const excludedSchema = z
  .strictObject({ model: z.string().optional(), variant: z.string().optional(), seed: z.int().optional(), ...partialRunSchema.shape })
  .describe("Runs that are all of this are left out.");

export const sweepSchema = z
  .strictObject({
    models: z
      .record(name, modelSchema)
      .refine((models) => Object.keys(models).length > 0, "name at least one model")
      .describe("Models by name."),
    settings: partialRunSchema.default({}).describe("Settings that all runs share."),
    variants: z.record(name, partialRunSchema).optional().describe("Named sets of settings: every one meets all of the matrix."),
    matrix: matrixSchema.default({}).describe("Values by setting: every combination is a run."),
    seeds: z
      .union([z.int().positive(), z.array(z.int().min(0)).min(1)])
      .default(1)
      .describe("How many seeds, counted up from 1005, or the seeds themselves."),
    exclude: z.array(excludedSchema).default([]).describe("Combinations that are left out."),
    limits: z
      .strictObject({
        jobs: z.int().positive().default(10_000).describe("The sweep is refused where it would be more runs: a guard against a slip in the matrix."),
        minutes: z.number().positive().optional().describe("A run that takes longer is stopped and counts as failed."),
        memory: z
          .string()
          .optional()
          .describe('Memory that the runs on one machine may take together, e.g. "8 GB". Without it, 80 % of the machine\'s.'),
        attempts: z.int().positive().default(3).describe("How often a run is tried whose machine failed it."),
      })
      .prefault({})
      .describe("What the sweep must stay under."),
    priority: z.int().min(1).max(1000).default(100).describe("On a queue, sweeps with a smaller number come first."),
  })
  .describe("Many runs: models × variants × matrix × seeds, less those excluded.");

export const sweepFileSchema = z.strictObject({
  $schema: configSchema.shape.$schema,
  input: inputSchema.optional(),
  calibration: calibrationSchema.optional(),
  evaluation: evaluationSchema.optional(),
  sweep: sweepSchema,
});

export type PartialRun = Partial<Omit<RunConfig, "seed">>;
export type SweepConfig = z.infer<typeof sweepSchema>;
export type SweepFile = z.infer<typeof sweepFileSchema>;

/** Whether a parsed file is a sweep and not a config. */
export function isSweepFile(content: unknown): boolean {
  return typeof content === "object" && content !== null && Object.hasOwn(content, "sweep");
}
