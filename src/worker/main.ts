/** @file The child process that the editor starts for a job. */
import { runJob } from "./jobs.ts";
import { type RunJob, serveJob } from "./serveJob.ts";
import { doSweepJob } from "./sweep/sweepJob.ts";
import { brecqVersion } from "./version.ts";

const run: RunJob = (job, context) => (job.job === "sweep" ? doSweepJob(job, process.argv[1]!, context) : runJob(job, context));
serveJob(run, { brecq: brecqVersion, node: process.versions.node });
