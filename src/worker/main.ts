/** @file The child process that the editor starts for a job. */
import { runJob } from "./jobs.ts";
import { serveJob } from "./serveJob.ts";
import { brecqVersion } from "./version.ts";

serveJob(runJob, { brecq: brecqVersion, node: process.versions.node });
