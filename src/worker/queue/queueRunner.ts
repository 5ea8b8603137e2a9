/** @file Doing a sweep's jobs by workers on a queue: submitting them, following them, cancelling them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type FlowJob, FlowProducer, type Job, Queue, QueueEvents } from "bullmq";
import type { Redis } from "ioredis";
import { UserError } from "../../engine/errors.ts";
import type { JobRunner, RunnerContext } from "../sweep/doPlan.ts";
import type { SweepJob, SweepPlan } from "../sweep/planSweep.ts";
import { relativePath } from "../sweep/readSweep.ts";
import { brecqVersion } from "../version.ts";
import { parseQueueAddress } from "./address.ts";
import { connectQueue } from "./connect.ts";
import { FollowedJobs } from "./followedJobs.ts";
import { cancelKey, jobsKey, type QueueJob, queueName, type SharedFolder } from "./queueJob.ts";
import { noteSubmission } from "./registry.ts";
import { sweepId } from "./sharedFolder.ts";
import { watchWorkers } from "./watchWorkers.ts";

export interface QueueSettings {
  readonly address: string;
  /** The folder that is shared with the workers; without it, they see the sweep's folder where the submitter does. */
  readonly root?: string | undefined;
  /** Instead of the sweep's own. */
  readonly priority?: number | undefined;
}

/** Jobs that one call adds or removes. */
const chunk = 500;
/** How long finished jobs stay on the server, for a submitter that was away. */
const keepSeconds = 24 * 3600;
const cancelSeconds = 3600;
const backoffMs = 5000;

/** How many workers there are is not known; a part more costs a pass of the network. */
const measurementParts = 8;

/** Workers on a queue. They go on without the submitter; the same sweep started again takes their work up. */
export function queueRunner({ address, root, priority }: QueueSettings): JobRunner {
  // A wrong address is told before anything else is done.
  parseQueueAddress(address);
  const run = async (plan: SweepPlan, context: RunnerContext) => {
    const client = await connectQueue(address);
    const connection = { connection: client };
    const queue = new Queue<QueueJob>(queueName, connection);
    const flows = new FlowProducer(connection);
    const listener = client.duplicate();
    listener.on("error", () => undefined);
    const events = new QueueEvents(queueName, { connection: listener });
    // Lost connections are made again; what they hinder comes later.
    const ignore = () => undefined;
    queue.on("error", ignore);
    flows.on("error", ignore);
    events.on("error", ignore);
    const stopWatching = watchWorkers(client, context.report);
    try {
      await events.waitUntilReady();
      const marker = markerOf(plan);
      const sweep = await sweepId(join(plan.folder, marker));
      const folder: SharedFolder = { path: plan.folder, below: belowRoot(root, plan.folder), marker };
      const ids = new Map(plan.jobs.map((job) => [job.id, queueId(sweep, job)]));
      await client.del(cancelKey(sweep));
      await noteSubmission(client);
      const followed = new FollowedJobs({ queue, events, jobs: plan.jobs, ids, onEvent: context.onEvent });
      await removeOld(client, queue, sweep, ids);
      await submit({
        queue,
        flows,
        plan,
        ids,
        context: { ...context, priority: priority ?? context.priority },
        data: (job) => ({ version: brecqVersion, sweep, folder, job, minutes: context.minutes }),
      });
      await client.sadd(jobsKey(sweep), ...ids.values());
      await client.expire(jobsKey(sweep), 30 * keepSeconds);
      const cancel = () => void cancelSweep(client, queue, sweep, ids, followed);
      context.signal.addEventListener("abort", cancel, { once: true });
      if (context.signal.aborted) cancel();
      await followed.finished;
      context.signal.removeEventListener("abort", cancel);
      await forEachChunk([...ids.values()], async (id) => void (await queue.remove(id)));
      await client.del(jobsKey(sweep));
    } finally {
      stopWatching();
      // Its blocking call would keep the connection open for as long as it blocks.
      listener.disconnect();
      void events.close().catch(ignore);
      client.disconnect();
    }
  };
  return { measurementParts, run };
}

function markerOf({ target }: SweepPlan): string {
  return `${target}/sweep-id`;
}

function belowRoot(root: string | undefined, folder: string): string {
  if (root === undefined) return "";
  const below = relativePath(root, folder);
  if (!below.startsWith("..")) return below;
  throw new UserError(`The sweep lies outside of the shared folder ${root}.`, { hint: "Move it there, or name another folder with --folder." });
}

/** The same for the same work, so that a sweep that is started twice is done once. */
function queueId(sweep: string, job: SweepJob): string {
  return createHash("sha256")
    .update(JSON.stringify([sweep, job.id, job.basis, job.settings, job.candidates]))
    .digest("hex")
    .slice(0, 32);
}

/** Removes what is left of earlier times: ended jobs of this plan, which would otherwise not be done again, and jobs that it lacks. */
async function removeOld(client: Redis, queue: Queue, sweep: string, ids: ReadonlyMap<string, string>): Promise<void> {
  const wanted = new Set(ids.values());
  const known = await client.smembers(jobsKey(sweep));
  const stale = known.filter((id) => !wanted.has(id));
  await forEachChunk([...stale, ...wanted], async (id) => {
    const job = await queue.getJob(id);
    if (job && (!wanted.has(id) || job.finishedOn !== undefined)) await removeQuietly(job);
  });
  if (stale.length > 0) await client.srem(jobsKey(sweep), ...stale);
}

interface Submission {
  readonly queue: Queue<QueueJob>;
  readonly flows: FlowProducer;
  readonly plan: SweepPlan;
  readonly ids: ReadonlyMap<string, string>;
  readonly context: RunnerContext;
  readonly data: (job: SweepJob) => QueueJob;
}

async function submit({ queue, flows, plan, ids, context, data }: Submission): Promise<void> {
  const options = (job: SweepJob) => ({
    jobId: ids.get(job.id)!,
    attempts: context.attempts,
    backoff: { type: "exponential", delay: backoffMs },
    priority: context.priority,
    removeOnComplete: { age: keepSeconds },
    removeOnFail: { age: keepSeconds },
  });
  const needed = new Set(plan.jobs.flatMap(({ after }) => after));
  const single = plan.jobs.filter(({ id, after }) => after.length === 0 && !needed.has(id));
  for (let start = 0; start < single.length; start += chunk) {
    await queue.addBulk(single.slice(start, start + chunk).map((job) => ({ name: job.kind, data: data(job), opts: options(job) })));
  }
  const byId = new Map(plan.jobs.map((job) => [job.id, job]));
  // A job of a flow has one parent. A measurement that several runs need is below each of them: the first measures, the others find it done.
  const flow = (job: SweepJob, run: SweepJob): FlowJob => {
    const jobId = job.kind === "sensitivity" ? `${ids.get(job.id)!}-${ids.get(run.id)!.slice(0, 8)}` : ids.get(job.id)!;
    return {
      name: job.kind,
      queueName,
      data: data(job),
      opts: { ...options(job), jobId, ...(job !== run && { failParentOnFailure: true }) },
      children: job.after.map((id) => flow(byId.get(id)!, run)),
    };
  };
  const trees = plan.jobs.filter(({ id, after }) => after.length > 0 && !needed.has(id));
  for (let start = 0; start < trees.length; start += chunk) await flows.addBulk(trees.slice(start, start + chunk).map((job) => flow(job, job)));
}

async function cancelSweep(client: Redis, queue: Queue, sweep: string, ids: ReadonlyMap<string, string>, followed: FollowedJobs): Promise<void> {
  // Workers look for it, and stop what they do of this sweep.
  await client.set(cancelKey(sweep), "1", "EX", cancelSeconds);
  await forEachChunk([...ids], async ([own, id]) => {
    const job = await queue.getJob(id);
    if (!job) return followed.end(own, { kind: "cancelled" });
    if (!(await job.isActive())) {
      await removeQuietly(job);
      followed.end(own, { kind: "cancelled" });
    }
  });
}

/** One that a worker holds cannot be removed, and ends by itself. */
async function removeQuietly(job: Job): Promise<void> {
  await job.remove().catch(() => undefined);
}

async function forEachChunk<T>(values: readonly T[], act: (value: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < values.length; start += chunk) await Promise.all(values.slice(start, start + chunk).map(act));
}
