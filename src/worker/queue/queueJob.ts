/** @file What is written into the queue: everything that a worker elsewhere needs to know of a job. */
import { z } from "zod";
import { runFiguresSchema } from "../../config/sweepResult.ts";
import { sweepJobSchema } from "../sweep/planSweep.ts";
import { brecqVersion } from "../version.ts";

/** The queue of this program's version: a worker of another version sees none of its jobs. */
export const queueName: string = queueNameOf(brecqVersion);

export function queueNameOf(version: string): string {
  return `brecq-${version}`;
}

/** The versions that jobs were submitted with, each with the time of the last submission. */
export const versionsKey = "brecq:versions";

/** Set while a sweep is cancelled. */
export function cancelKey(sweep: string): string {
  return `brecq:cancelled:${sweep}`;
}

/** The ids of a sweep's jobs on the queue. */
export function jobsKey(sweep: string): string {
  return `brecq:jobs:${sweep}`;
}

/** Inside the folder that it is relative to: what comes over the network must not lead out of it. */
const innerPath = z.string().refine((path) => !path.split(/[\\/]/).includes("..") && !/^([\\/]|[a-zA-Z]:)/.test(path), "leads out of its folder");

export const sharedFolderSchema = z.object({
  path: z.string().describe("The sweep file's folder, as the submitter sees it."),
  below: innerPath.describe("The same, relative to the folder that the submitter shares."),
  marker: innerPath.describe("A file in it that holds the sweep's id."),
});

export const queueJobSchema = z.object({
  version: z.string(),
  sweep: z.string().describe("The sweep's id, which the marker holds too."),
  folder: sharedFolderSchema,
  job: z.object({ ...sweepJobSchema.shape, config: innerPath }),
  minutes: z.number().optional(),
});

/** What a job gives back. */
export const queueResultSchema = z.object({ figures: runFiguresSchema.optional(), reused: z.boolean() });

/** What a worker tells while it works. */
export const queueProgressSchema = z.object({
  place: z.string(),
  state: z.enum(["started", "going", "retried"]),
  message: z.string().optional(),
});

export type SharedFolder = z.infer<typeof sharedFolderSchema>;
export type QueueJob = z.infer<typeof queueJobSchema>;
export type QueueResult = z.infer<typeof queueResultSchema>;
export type QueueProgress = z.infer<typeof queueProgressSchema>;
